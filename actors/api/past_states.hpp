// The read models as they were. Folding them costs a walk through the log, so one is made at a time, and a small one is kept for
// whoever looks at the same position next.
#pragma once

#include <memory>
#include <mutex>

#include "events/log/event_log.hpp"
#include "projections/projections.hpp"

namespace luthier::api {

class PastStates {
 public:
  explicit PastStates(const log::EventLog& log) : log_(log) {}

  static constexpr Position position_max = 1'000'000;  // further ones take too long for a request
  // unavailable: another one is being folded. limit: the position is too far.
  Result<std::shared_ptr<const projections::ReadModels>> at(Position position);

 private:
  const log::EventLog& log_;
  std::timed_mutex mutex_;
  std::shared_ptr<const projections::ReadModels> kept_;
};

}  // namespace luthier::api
