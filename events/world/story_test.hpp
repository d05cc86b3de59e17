// Given, when, then: a world that commands have been sent to, and what the next one does.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "events/world/catalogue.hpp"
#include "events/world/world.hpp"

namespace luthier::events {

inline File file(const std::string& path, char digit = 'a', std::int64_t size = 10) { return {path, std::string(64, digit), size}; }

inline std::string type_of(const Fact& fact) {
  return std::visit([](const auto& event) { return std::string(std::decay_t<decltype(event)>::type.name); }, fact.event);
}

class Outcome {
 public:
  explicit Outcome(Result<std::vector<Fact>> decision) : decision_(std::move(decision)) {}

  void then(const std::vector<std::string>& types) const {
    INFO((decision_ ? "" : decision_.error().message));
    REQUIRE(decision_);
    std::vector<std::string> happened;
    for (const Fact& fact : *decision_) happened.push_back(type_of(fact));
    CHECK(happened == types);
  }
  void then_nothing() const { then({}); }
  void then_refused(ErrorCode code, const std::string& field = {}) const {
    REQUIRE_FALSE(decision_);
    INFO(decision_.error().message);
    CHECK(to_string(decision_.error().code) == to_string(code));
    CHECK(decision_.error().field == field);
    CHECK_FALSE(decision_.error().message.empty());
  }
  const std::string& message() const { return decision_.error().message; }
  const std::vector<Fact>& facts() const { return *decision_; }
  template <class E>
  const E& event(std::size_t i) const { return std::get<E>(decision_->at(i).event); }

 private:
  Result<std::vector<Fact>> decision_;
};

class Story {
 public:
  World world;
  std::vector<Fact> log;
  Limits limits;

  template <class C>
  Request request(const std::string& workspace, const std::string& name, C command) {
    const std::string principal = sender_of<C>() == Sender::anyone ? "ada" : "system";
    return {{principal, workspace, "command-" + std::to_string(++commands_)}, std::string(entity_of<C>()), name, {}, {}, {}, command};
  }

  // Decides without any effect.
  Outcome when(const Request& request) const { return Outcome(decide(world, request, limits)); }
  template <class C>
  Outcome when(const std::string& name, C command) { return when(request("default", name, command)); }
  template <class C>
  Outcome when_in(const std::string& workspace, const std::string& name, C command) { return when(request(workspace, name, command)); }

  // Decides and applies; it must be accepted.
  Outcome given(const Request& request) {
    auto decision = decide(world, request, limits);
    INFO((decision ? "" : decision.error().message));
    REQUIRE(decision);
    for (const Fact& fact : *decision) {
      evolve(world, fact);
      log.push_back(fact);
    }
    return Outcome(std::move(decision));
  }
  template <class C>
  Outcome given(const std::string& name, C command) { return given(request("default", name, command)); }
  template <class C>
  Outcome given_in(const std::string& workspace, const std::string& name, C command) { return given(request(workspace, name, command)); }

  const JobState& job(const std::string& name) const { return world.jobs.at({"default", name}); }
  const ModelState& model(const std::string& name) const { return world.models.at({"default", name}); }
  const FilesetState& fileset(const std::string& name) const { return world.filesets.at({"default", name}); }
  const DeploymentState& deployment(const std::string& name) const { return world.deployments.at({"default", name}); }

  FillModelSpec spec_of(const std::string& model_name) const {
    const FilesetState& files = fileset(model(model_name).fileset.substr(8));  // "default/…"
    return {files.id, files.content_version, JsonText{R"({"family":"llama"})"}, ""};
  }
  StartJob start_job(const std::string& output, const std::string& method = "lora") const {
    StartJob start;
    start.model = "smol";
    start.dataset = "rows";
    start.output = output;
    start.config.text = R"({"method":")" + method + R"(","lora":{"r":8,"alpha":32}})";
    JobInputs inputs;
    inputs.model_id = model("smol").id;
    inputs.model_fileset_id = model("smol").fileset_id;
    inputs.dataset_fileset_id = fileset("rows").id;
    inputs.steps = 30;
    start.inputs = inputs;
    return start;
  }
  static CompleteAttempt complete(std::int64_t attempt) {
    return {attempt, {file("adapter_config.json", 'b'), file("adapter_model.safetensors", 'c')}, {}};
  }

 private:
  int commands_ = 0;
};

inline RegisterWorker hello(const std::string& incarnation = "first") {
  return {incarnation, "host", "engine-1", {{"cpu", "cpu", "AMD EPYC", "avx512", 1 << 30, 2}, {"cuda:0", "cuda", "H200", "sm_90", 1 << 30, 0}}};
}

// A workspace with an analysed model, a dataset and a worker with two devices.
inline Story a_workshop() {
  Story story;
  story.given_in("system", "default", CreateWorkspace{});
  story.given_in("system", "bench", hello());
  story.given("smol-files", CreateFileset{"", "model", {file("model.gguf")}});
  story.given("rows", CreateFileset{"", "dataset", {file("train.jsonl", 'd')}});
  story.given("smol", CreateModel{"smol-files", "", ""});
  story.given("smol", story.spec_of("smol"));
  return story;
}

inline PlaceJob place_job(std::int64_t attempt, const std::string& incarnation = "first", const std::string& device = "cpu") {
  return {attempt, "bench", incarnation, device};
}

// A job of that workshop that trains its first adapter, as attempt 1.
inline Story a_running_job() {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  story.given("tune", BeginAttempt{1, 0});
  return story;
}

// A deployment of that workshop's model that is ready, as attempt 1.
inline Story a_ready_deployment() {
  Story story = a_workshop();
  story.given("serve", CreateDeployment{"smol", "", true});
  story.given("serve", PlaceDeployment{1, "bench", "first", "cpu"});
  story.given("serve", ReportReady{1, "http://127.0.0.1:41234"});
  return story;
}

}  // namespace luthier::events
