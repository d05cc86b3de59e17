#include "events/world/story_test.hpp"

namespace luthier::events {
namespace {

Story with_an_adapter() {
  Story story = a_ready_deployment();
  story.given("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{8, 16}});
  return story;
}

std::string key_of(const Story& story) { return story.model("smol").adapters.at("hand").key(); }

}  // namespace

TEST_CASE("a deployment serves a model that is there, analysed, and not served already") {
  Story story = a_workshop();
  story.when("serve", CreateDeployment{"missing", "", true}).then_refused(ErrorCode::invalid, "data.model");
  story.given("m2", CreateModel{"smol-files", "", ""});
  story.when("serve", CreateDeployment{"m2", "", true}).then_refused(ErrorCode::conflict, "data.model");
  story.given("serve", CreateDeployment{"smol", "", true}).then({"DeploymentCreated"});
  const auto outcome = story.when("again", CreateDeployment{"smol", "", true});
  outcome.then_refused(ErrorCode::conflict, "data.model");
  CHECK(outcome.message() == "model default/smol is served by deployment default/serve already");
}

TEST_CASE("a deployment is placed and becomes ready; it shares its device") {
  Story story = a_running_job();
  story.given("serve", CreateDeployment{"smol", "", true});
  story.when("serve", ReportReady{1, "http://h:1"}).then_refused(ErrorCode::conflict, "data.attempt");
  story.when("serve", PlaceDeployment{2, "bench", "first", "cpu"}).then_refused(ErrorCode::conflict, "data.attempt");
  story.given("serve", PlaceDeployment{1, "bench", "first", "cpu"}).then({"DeploymentPlaced"});
  story.when("serve", PlaceDeployment{2, "bench", "first", "cpu"}).then_refused(ErrorCode::conflict);
  story.when("serve", ReportReady{1, ""}).then_refused(ErrorCode::invalid, "data.endpoint");
  story.given("serve", ReportReady{1, "http://h:1"}).then({"DeploymentReady"});
  story.when("serve", ReportReady{1, "http://h:1"}).then_nothing();
  CHECK(story.deployment("serve").endpoint == "http://h:1");
}

TEST_CASE("a deployment is placed again a bounded number of times in a row") {
  Story story = a_workshop();
  story.limits.deployment_attempts_max = 2;
  story.given("serve", CreateDeployment{"smol", "", true});
  for (int attempt = 1; attempt <= 3; ++attempt) {
    story.given("serve", PlaceDeployment{attempt, "bench", "first", "cpu"});
    story.given("serve", ReportReady{attempt, "http://h:1"});  // what was ready starts the count again
    story.given("serve", FailDeployment{attempt, "crashed", "signal 9", true}).then({"DeploymentAttemptEnded"});
    CHECK(story.deployment("serve").endpoint.empty());
  }
  story.given("serve", PlaceDeployment{4, "bench", "first", "cpu"});
  story.given("serve", FailDeployment{4, "crashed", "signal 9", true}).then({"DeploymentFailed"});
  CHECK(story.deployment("serve").phase == DeploymentPhase::failed);
  story.given("serve", DeleteDeployment{}).then({"DeploymentDeleted"});
}

TEST_CASE("a deployment is gone once its process is") {
  Story story = a_ready_deployment();
  story.when("serve", ConfirmUndeployed{1}).then_refused(ErrorCode::conflict);
  story.given("serve", DeleteDeployment{}).then({"DeploymentDeleteRequested"});
  story.when("serve", DeleteDeployment{}).then_nothing();
  story.when("serve", UpdateDeployment{"x", {}}).then_refused(ErrorCode::conflict);
  story.when("serve", ReportReady{1, "http://h:2"}).then_refused(ErrorCode::conflict);
  story.when("serve", FailDeployment{1, "crashed", "", true}).then({"DeploymentDeleted"});
  story.given("serve", ConfirmUndeployed{1}).then({"DeploymentDeleted"});
  CHECK(story.world.deployments.empty());
}

TEST_CASE("an adapter is loaded by request, as it is now, into a deployment that is ready") {
  Story story = with_an_adapter();
  const std::string key = key_of(story), name = "default--hand";
  story.when("serve", RequestAdapterLoad{2, name, key}).then_refused(ErrorCode::conflict, "data.attempt");
  story.when("serve", RequestAdapterLoad{1, name, "fileset-old@1"}).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("serve", RequestAdapterLoad{1, "default--none", key}).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("serve", RequestAdapterLoad{1, "hand", key}).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("serve", ConfirmAdapterLoaded{1, name, key}).then_refused(ErrorCode::conflict, "data.adapter");
  story.given("serve", RequestAdapterLoad{1, name, key}).then({"AdapterLoadRequested"});
  story.when("serve", RequestAdapterLoad{1, name, key}).then_nothing();
  story.when("serve", ConfirmAdapterLoaded{1, name, "other@1"}).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("serve", FailAdapterLoad{1, name, key, "too large"}).then({"AdapterLoadFailed"});
  story.given("serve", ConfirmAdapterLoaded{1, name, key}).then({"AdapterLoaded"});
  story.when("serve", ConfirmAdapterLoaded{1, name, key}).then_nothing();
  story.when("serve", RequestAdapterLoad{1, name, key}).then_nothing();
}

TEST_CASE("a load that failed can be asked for again") {
  Story story = with_an_adapter();
  const std::string key = key_of(story), name = "default--hand";
  story.given("serve", RequestAdapterLoad{1, name, key});
  story.given("serve", FailAdapterLoad{1, name, key, "no memory"});
  story.when("serve", FailAdapterLoad{1, name, key, "no memory"}).then_nothing();
  story.when("serve", RequestAdapterLoad{1, name, key}).then({"AdapterLoadRequested"});
}

TEST_CASE("an adapter is unloaded by request, and a disabled one is not loaded") {
  Story story = with_an_adapter();
  const std::string key = key_of(story), name = "default--hand";
  story.when("serve", RequestAdapterUnload{1, name}).then_nothing();
  story.when("serve", ConfirmAdapterUnloaded{1, name}).then_refused(ErrorCode::conflict, "data.adapter");
  story.given("serve", RequestAdapterLoad{1, name, key});
  story.given("serve", ConfirmAdapterLoaded{1, name, key});
  story.given("smol", DisableAdapter{"hand"});
  story.given("serve", RequestAdapterUnload{1, name}).then({"AdapterUnloadRequested"});
  story.when("serve", RequestAdapterUnload{1, name}).then_nothing();
  story.when("serve", RequestAdapterLoad{1, name, key}).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("serve", ConfirmAdapterLoaded{1, name, key}).then_refused(ErrorCode::conflict, "data.adapter");
  story.given("serve", ConfirmAdapterUnloaded{1, name}).then({"AdapterUnloaded"});
  story.when("serve", RequestAdapterLoad{1, name, key}).then_refused(ErrorCode::conflict, "data.adapter");
  CHECK(story.deployment("serve").adapters.empty());
}

TEST_CASE("what an attempt has loaded ends with it") {
  Story story = with_an_adapter();
  const std::string key = key_of(story), name = "default--hand";
  story.given("serve", RequestAdapterLoad{1, name, key});
  story.given("serve", ConfirmAdapterLoaded{1, name, key});
  story.given("serve", FailDeployment{1, "lost", "lease", true});
  CHECK(story.deployment("serve").adapters.empty());
  story.when("serve", RequestAdapterLoad{1, name, key}).then_refused(ErrorCode::conflict, "data.attempt");
}

TEST_CASE("a deployment without lora_enabled serves no adapter") {
  Story story = with_an_adapter();
  story.when("serve", UpdateDeployment{{}, true}).then_nothing();
  story.given("serve", UpdateDeployment{{}, false}).then({"DeploymentUpdated"});
  story.when("serve", RequestAdapterLoad{1, "default--hand", key_of(story)}).then_refused(ErrorCode::conflict, "data.adapter");
}

TEST_CASE("a deployment may wait for its model, and says why") {
  Story story = a_workshop();
  CreateDeployment wish{"later", "", true, true};
  story.given("serve", wish).then({"DeploymentCreated"});
  story.when("serve", PlaceDeployment{1, "bench", "first", "cpu"}).then_refused(ErrorCode::conflict);
  story.given("serve", PostponeDeployment{"waits for model later"}).then({"DeploymentPostponed"});
  story.when("serve", PostponeDeployment{"waits for model later"}).then_nothing();
  story.given("later", CreateModel{"smol-files", "", ""});
  story.given("serve", ResolveDeployment{}).then({"DeploymentResolved"});
  story.given("serve", PlaceDeployment{1, "bench", "first", "cpu"});
  CHECK(story.deployment("serve").waits_for.empty());
  story.when("serve", PostponeDeployment{"late"}).then_refused(ErrorCode::conflict);
}

TEST_CASE("a deployment that can never be placed fails, and a new version of it is placed again") {
  Story story = a_workshop();
  story.given("serve", CreateDeployment{"smol", "", true, true});
  story.given("serve", PostponeDeployment{"the checkpoint is of no use", true}).then({"DeploymentFailed"});
  CHECK(story.deployment("serve").phase == DeploymentPhase::failed);
  story.given("serve", ReviseDeployment{"smol", false, {}}).then({"DeploymentRevised"});
  CHECK(story.deployment("serve").phase == DeploymentPhase::pending);
  CHECK_FALSE(story.deployment("serve").lora_enabled);
  story.given("serve", PlaceDeployment{1, "bench", "first", "cpu"}).then({"DeploymentPlaced"});
}

TEST_CASE("a new version ends what serves now, and is the next attempt") {
  Story story = with_an_adapter();
  story.given("serve", RequestAdapterLoad{1, "default--hand", key_of(story)});
  story.given("serve", ReviseDeployment{"elsewhere/other", true, JsonText{R"({"config_version":2})"}})
      .then({"DeploymentAttemptEnded", "DeploymentRevised", "DeploymentDetailsSet"});
  const DeploymentState& deployment = story.deployment("serve");
  CHECK(deployment.phase == DeploymentPhase::pending);
  CHECK(deployment.model == "elsewhere/other");
  CHECK(deployment.model_id.empty());
  CHECK(deployment.adapters.empty());
  CHECK(deployment.worker.empty());
  CHECK(deployment.attempts_failed == 0);
  story.when("serve", ReportReady{1, "http://h:1"}).then_refused(ErrorCode::conflict, "data.attempt");
  story.given("serve", ReviseDeployment{"smol", true, {}});
  story.given("serve", PlaceDeployment{2, "bench", "first", "cpu"}).then({"DeploymentPlaced"});
}

TEST_CASE("what is being deleted has no new version") {
  Story story = a_ready_deployment();
  story.given("serve", DeleteDeployment{});
  story.when("serve", ReviseDeployment{"smol", true, {}}).then_refused(ErrorCode::conflict);
}

TEST_CASE("a deployment that is moved by hand is left alone, and lingers until somebody says it is gone") {
  Story story = a_workshop();
  story.given("serve", CreateDeployment{"smol", "", true, true});
  story.given("serve", SetDeploymentStatus{"READY", "by hand", "default/p1"}).then({"DeploymentStatusSet"});
  story.when("serve", PostponeDeployment{"x"}).then_refused(ErrorCode::conflict);
  story.when("serve", SetDeploymentStatus{"RUNNING", "", {}}).then_refused(ErrorCode::invalid, "data.status");
  story.given("serve", DeleteDeployment{true}).then({"DeploymentDeleteRequested"});
  story.when("serve", DeleteDeployment{true}).then_nothing();
  story.when("serve", DeleteDeployment{}).then({"DeploymentDeleted"});
  story.when("serve", SetDeploymentStatus{"READY", "", {}}).then_refused(ErrorCode::conflict, "data.status");
  story.given("serve", SetDeploymentStatus{"DELETED", "", {}}).then({"DeploymentDeleted"});
}

}  // namespace luthier::events
