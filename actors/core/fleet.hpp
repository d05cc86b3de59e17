// What we have heard of the workers, and what follows from it. Observations are not facts: they are kept in memory, and what
// matters of them becomes a command. After a restart every worker counts as heard of at that moment, so that one that still
// trains is adopted, not replaced.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/worker/protocol.hpp"
#include "events/world/world.hpp"

namespace luthier::core {

using Monotonic = std::chrono::steady_clock::time_point;  // the actor clock's time, virtual in a simulation

class Fleet {
 public:
  void hear(std::shared_ptr<const worker::Beat> beat, Monotonic now);
  // Workers that the world has and we have not heard of since we started count as heard of `now`.
  void expect(const events::World& world, Monotonic now);

  // The report on this attempt by the worker that has it, from its last beat; nullptr: none.
  const worker::TaskReport* report(const std::string& worker, const std::string& incarnation,
                                   const worker::TaskId& task) const;
  // Heard of within `limit`, as the incarnation that the world knows.
  bool is_live(const events::WorkerState& worker, Monotonic now, std::chrono::milliseconds limit) const;
  // Present in the world and silent for longer than `limit`.
  std::vector<const events::WorkerState*> silent(const events::World& world, Monotonic now,
                                                 std::chrono::milliseconds limit) const;
  const worker::Beat* last_beat(const std::string& worker) const;

 private:
  struct Heard {
    std::shared_ptr<const worker::Beat> beat;
    Monotonic at;
  };
  std::map<std::string, Heard> workers_;
};

// All that is placed on this worker, with what it needs to do it: the answer to its beat.
std::vector<worker::Task> tasks_of(const events::World& world, const std::string& worker);

// A request of our own, with an id derived from what it is about, so that a repetition takes effect once.
events::Request own_request(const std::string& workspace, const std::string& entity, const std::string& name,
                            std::string id, events::Command command);

}  // namespace luthier::core
