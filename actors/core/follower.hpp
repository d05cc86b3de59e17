// The world as of a position: a fold of the log that goes on as commits arrive.
#pragma once

#include "events/base/result.hpp"
#include "events/log/event_log.hpp"
#include "events/world/world.hpp"

namespace luthier::core {

struct Commit;

struct Follower {
  events::World world;
  Position applied = 0;

  // Applies what is new in the commit. A gap is `internal`: the follower must load again.
  Result<void> apply(const Commit& commit);
};

// Folds the whole log, in bounded pieces.
Result<Follower> load(const log::EventLog& log);

// A stored record as the fact that it is.
Result<events::Fact> to_fact(const log::Record& record);

}  // namespace luthier::core
