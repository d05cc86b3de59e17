// Worlds for the tests of the planners, made the way real ones are: by commands.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "actors/core/fleet.hpp"
#include "actors/core/plan.hpp"
#include "events/world/world.hpp"

namespace luthier::core::testing {

using namespace events;
using namespace std::chrono_literals;

class WorldBuilder {
 public:
  World world;
  Fleet fleet;
  Position applied = 0;
  Settings settings;
  Monotonic now{};
  Backoff backoff;

  // Decides a command that must be accepted, and applies its events.
  void does(const std::string& entity, const std::string& name, Command command) {
    auto request = own_request(entity == "workspace" || entity == "worker" ? "system" : "default", entity, name,
                               "test-" + std::to_string(++commands_), std::move(command));
    applies(request);
  }
  void applies(const Request& request) {
    const auto facts = decide(world, request);
    if (!facts) FAIL("refused: " << facts.error().message);
    for (const auto& fact : *facts) {
      evolve(world, fact);
      ++applied;
    }
  }

  void has_model() {
    does("workspace", "default", CreateWorkspace{});
    for (const auto* name : {"smol-files", "rows", "adapter-files"}) {
      CreateFileset create;
      create.files = {{"file", std::string(64, 'a'), 1}};
      does("fileset", name, create);
    }
    does("model", "smol", CreateModel{"smol-files", "", ""});
    const auto& fileset = world.filesets.at({"default", "smol-files"});
    does("model", "smol", FillModelSpec{fileset.id, fileset.content_version, {R"({"family":"llama"})"}, ""});
  }
  void has_worker(const std::string& name, std::int64_t memory = 1 << 30) {
    does("worker", name, RegisterWorker{name + "-1", "host", "1", {{"cpu", "cpu", "test", "none", memory, 2}}});
    hears(name, {});
  }
  void has_job(const std::string& name, std::int64_t priority = 0, std::int64_t memory = 1000) {
    StartJob start;
    start.model = "smol";
    start.dataset = "rows";
    start.output = "out-" + name;
    start.priority = priority;
    start.config.text = R"({"method":"lora","lora":{"r":8,"alpha":16}})";
    JobInputs inputs;
    inputs.model_id = world.models.at({"default", "smol"}).id;
    inputs.model_fileset_id = world.filesets.at({"default", "smol-files"}).id;
    inputs.dataset_fileset_id = world.filesets.at({"default", "rows"}).id;
    inputs.memory_bytes = memory;
    inputs.steps = 10;
    inputs.dataset = {"file", std::string(64, 'a'), 1};
    start.inputs = inputs;
    does("job", name, start);
  }
  void has_adapter(const std::string& name) {
    CreateAdapter create;
    create.adapter = name;
    create.fileset = "adapter-files";
    create.lora = LoraShape{8, 16};
    does("model", "smol", create);
  }

  void hears(const std::string& worker, std::vector<worker::TaskReport> reports) {
    auto beat = std::make_shared<worker::Beat>();
    beat->worker = worker;
    beat->incarnation = worker + "-1";
    beat->sequence = ++beats_;
    beat->tasks = std::move(reports);
    fleet.hear(beat, now);
  }

  View view() { return {world, applied, fleet, now, settings}; }
  std::vector<Request> jobs() { return plan_jobs(view(), backoff); }
  std::vector<Request> deployments() { return plan_deployments(view(), backoff); }
  // Plans and applies until there is nothing left to do; false: it does not come to rest.
  bool rests() {
    for (int round = 0; round < 20; ++round) {
      auto plan = jobs();
      for (auto& request : deployments()) plan.push_back(std::move(request));
      if (plan.empty()) return true;
      for (const auto& request : plan) applies(request);
    }
    return false;
  }

  const JobState& job(const std::string& name) const { return world.jobs.at({"default", name}); }
  const DeploymentState& deployment(const std::string& name) const { return world.deployments.at({"default", name}); }

 private:
  int commands_ = 0;
  std::int64_t beats_ = 0;
};

inline worker::TaskReport report(worker::TaskKind kind, const std::string& id, std::int64_t attempt, worker::TaskReport::State state,
                                 worker::TaskReport::Outcome outcome = worker::TaskReport::Outcome::none) {
  worker::TaskReport made;
  made.id = {kind, id, attempt};
  made.state = state;
  made.outcome = outcome;
  return made;
}

}  // namespace luthier::core::testing
