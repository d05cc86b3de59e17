// The control plane as the HTTP interface sees it: commands go to the entity actor, and an answer waits until the read models have
// what its command has caused.
#pragma once

#include <caf/actor.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "actors/api/platform.hpp"
#include "events/base/clock.hpp"

namespace luthier::node {

class HttpPlatform final : public api::Platform {
 public:
  // All outlive it; connections end before the actor system does.
  HttpPlatform(caf::actor_system& system, const projections::ReadModels& models, const Clock& clock)
      : system_(system), models_(models), clock_(clock) {}
  void connect(caf::actor entity) { entity_ = std::move(entity); }  // before the first request

  Result<api::Done> submit(events::Request request) override;
  const projections::ReadModels& read_models() const override { return models_; }
  Timestamp now() const override { return clock_.now(); }
  std::string random_bytes(std::size_t count) override;

  // From the projector: everything up to its position can be read.
  void projected();

 private:
  bool wait_for(Position position);

  caf::actor_system& system_;
  caf::actor entity_;
  const projections::ReadModels& models_;
  const Clock& clock_;
  std::mutex mutex_;
  std::multimap<Position, std::condition_variable*> waiting_;  // each wakes when its own position is there, and not before
};

}  // namespace luthier::node
