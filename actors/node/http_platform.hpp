// The control plane as the HTTP interface sees it: commands go to the entity actor, and an answer waits until the read models have
// what its command has caused.
#pragma once

#include <caf/actor.hpp>
#include <map>
#include <memory>
#include <mutex>

#include "actors/api/platform.hpp"
#include "events/base/clock.hpp"

namespace luthier::core {
struct Outcome;
}

namespace luthier::node {

class HttpPlatform final : public api::Platform {
 public:
  // All outlive it; connections end before the actor system does.
  HttpPlatform(const projections::ReadModels& models, const Clock& clock) : models_(models), clock_(clock) {}
  void connect(caf::actor entity) { entity_ = std::move(entity); }  // before the first request

  Result<api::Done> submit(events::Request request) override;
  const projections::ReadModels& read_models() const override { return models_; }
  Timestamp now() const override { return clock_.now(); }
  std::string random_bytes(std::size_t count) override;

  // From the projector: everything up to its position can be read.
  void projected();

 private:
  struct Waiting;
  class Answering;
  core::Outcome wait(Waiting& waiting);
  void answered(std::shared_ptr<Waiting> waiting, const core::Outcome& outcome);

  caf::actor entity_;
  const projections::ReadModels& models_;
  const Clock& clock_;
  std::mutex mutex_;
  std::multimap<Position, std::shared_ptr<Waiting>> waiting_;  // receipted: each wakes when its own position is there, and not before
};

}  // namespace luthier::node
