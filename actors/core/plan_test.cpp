#include "actors/core/world_builder_test.hpp"

using namespace luthier;
using namespace luthier::core;
using namespace luthier::core::testing;
using worker::TaskKind;
using State = worker::TaskReport::State;
using Outcome = worker::TaskReport::Outcome;

TEST_CASE("a queued job is placed on a worker that lives, and once only") {
  WorldBuilder b;
  b.has_model();
  b.has_job("one");
  CHECK(b.jobs().empty());
  CHECK(why_waiting(b.view(), b.job("one")) == "no worker is there");
  b.has_worker("east");
  REQUIRE(b.rests());
  CHECK(b.job("one").phase == JobPhase::placed);
  CHECK(b.job("one").worker == "east");
  CHECK(b.jobs().empty());
}

TEST_CASE("the higher priority goes first, then the older job, and one device has one job") {
  WorldBuilder b;
  b.has_model();
  b.has_job("old");
  b.has_job("urgent", 5);
  b.has_worker("east");
  REQUIRE(b.rests());
  CHECK(b.job("urgent").phase == JobPhase::placed);
  CHECK(b.job("old").phase == JobPhase::queued);
  CHECK(why_waiting(b.view(), b.job("old")) == "every device that is large enough has another job");
  b.has_worker("west");
  REQUIRE(b.rests());
  CHECK(b.job("old").worker == "west");
}

TEST_CASE("a job that no device can hold waits with the reason, and others go on") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east", 500);
  b.has_job("large", 9, 1000);
  b.has_job("small", 0, 100);
  REQUIRE(b.rests());
  CHECK(b.job("small").phase == JobPhase::placed);
  CHECK(why_waiting(b.view(), b.job("large")) == "no device has the 1000 bytes that it needs");
}

TEST_CASE("a silent worker gets no job") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.has_job("one");
  b.now += b.settings.lease + 1ms;
  CHECK(b.jobs().empty());
}

TEST_CASE("the reports of an attempt become commands in the order in which it happened") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.has_job("one");
  REQUIRE(b.rests());
  auto done = report(TaskKind::train, b.job("one").id, 1, State::ended, Outcome::completed);
  done.checkpoint_step = 7;
  done.files = {{"adapter_model.safetensors", std::string(64, 'b'), 3}};
  b.hears("east", {done});
  const auto plan = b.jobs();
  REQUIRE(plan.size() == 3);
  CHECK(std::holds_alternative<BeginAttempt>(plan[0].command));
  CHECK(std::get<RecordCheckpoint>(plan[1].command).step == 7);
  CHECK(std::holds_alternative<CompleteAttempt>(plan[2].command));
  REQUIRE(b.rests());
  CHECK(b.job("one").phase == JobPhase::completed);
  CHECK(b.world.models.at({"default", "smol"}).adapters.count("out-one") == 1);
}

TEST_CASE("a crashed attempt is followed by another one after a pause that grows") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.has_job("one");
  REQUIRE(b.rests());
  auto crashed = report(TaskKind::train, b.job("one").id, 1, State::ended, Outcome::crashed);
  crashed.retryable = true;
  b.hears("east", {crashed});
  REQUIRE(b.rests());
  CHECK(b.job("one").phase == JobPhase::queued);
  b.now += b.settings.retry_backoff_min;
  b.hears("east", {});
  REQUIRE(b.rests());
  CHECK(b.job("one").phase == JobPhase::placed);
  CHECK(b.job("one").attempt == 2);
}

TEST_CASE("a plan is the same as long as nothing has changed, ids included") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.has_job("one");
  const auto first = b.jobs(), second = b.jobs();
  REQUIRE(first.size() == 1);
  CHECK(first[0].key == second[0].key);
}

TEST_CASE("invariant 10: the reconciler loads what is enabled, unloads the rest, and comes to rest from any start") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.has_adapter("kinds");
  b.has_adapter("others");
  b.does("model", "smol", DisableAdapter{"others"});
  b.does("deployment", "serve", CreateDeployment{"smol", "", true});
  REQUIRE(b.rests());
  auto seen = report(TaskKind::serve, b.deployment("serve").id, 1, State::running);
  seen.endpoint = "http://127.0.0.1:1";
  b.hears("east", {seen});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").phase == DeploymentPhase::ready);
  CHECK(b.deployment("serve").adapters.size() == 1);

  const auto key = b.world.models.at({"default", "smol"}).adapters.at("kinds").key();
  seen.adapters = {{"default--kinds", key, ""}};
  b.hears("east", {seen});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").adapters.at("default--kinds").phase == ServedAdapter::Phase::loaded);

  // From another start: the wish has turned round while nobody looked.
  b.does("model", "smol", DisableAdapter{"kinds"});
  b.does("model", "smol", EnableAdapter{"others"});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").adapters.at("default--kinds").phase == ServedAdapter::Phase::unloading);
  seen.adapters = {{"default--others", b.world.models.at({"default", "smol"}).adapters.at("others").key(), ""}};
  b.hears("east", {seen});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").adapters.size() == 1);
  CHECK(b.deployment("serve").adapters.at("default--others").phase == ServedAdapter::Phase::loaded);

  // The serving process dies: what it had loaded is gone with it, and is loaded again into the next.
  auto died = report(TaskKind::serve, b.deployment("serve").id, 1, State::ended, Outcome::crashed);
  died.retryable = true;
  b.hears("east", {died});
  REQUIRE(b.rests());
  b.now += b.settings.retry_backoff_min;
  b.hears("east", {});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").attempt == 2);
  auto again = report(TaskKind::serve, b.deployment("serve").id, 2, State::running);
  again.endpoint = "http://127.0.0.1:2";
  b.hears("east", {again});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").adapters.at("default--others").phase == ServedAdapter::Phase::loading);
}

TEST_CASE("a worker's tasks are all that is placed on it, with the stop that was asked for") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.has_job("one");
  REQUIRE(b.rests());
  b.does("job", "one", CancelJob{"no more"});
  const auto tasks = tasks_of(b.world, "east");
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].stop == "cancel");
  b.hears("east", {report(TaskKind::train, b.job("one").id, 1, State::ended, Outcome::stopped)});
  REQUIRE(b.rests());
  CHECK(b.job("one").phase == JobPhase::cancelled);
  CHECK(tasks_of(b.world, "east").empty());
}

TEST_CASE("a deployment that cannot be placed says what it waits for, once, and goes on when that has come") {
  WorldBuilder b;
  b.has_model();
  CreateDeployment create;
  create.model = "later";
  create.waits = true;
  b.does("deployment", "serve", create);
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").waits_for == "waits for model later, which does not exist");
  CHECK(b.deployments().empty());

  b.does("model", "later", CreateModel{"smol-files", "", ""});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").waits_for == "waits: model default/later is not analysed yet; wait until it has a spec");
  const auto& fileset = b.world.filesets.at({"default", "smol-files"});
  b.does("model", "later", FillModelSpec{fileset.id, fileset.content_version, {R"({"family":"llama"})"}, ""});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").waits_for == "waits for a worker that can take it");
  b.has_worker("east");
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").phase == DeploymentPhase::placed);
  CHECK(b.deployment("serve").waits_for.empty());
}

TEST_CASE("a deployment of a model that cannot be read fails with the reason") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.does("model", "broken", CreateModel{"smol-files", "", ""});
  const auto& fileset = b.world.filesets.at({"default", "smol-files"});
  b.does("model", "broken", FillModelSpec{fileset.id, fileset.content_version, {}, "no config.json"});
  CreateDeployment create;
  create.model = "broken";
  create.waits = true;
  b.does("deployment", "serve", create);
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").phase == DeploymentPhase::failed);
  CHECK(b.deployment("serve").reason.find("no config.json") != std::string::npos);
}

TEST_CASE("a new version of a deployment is placed once the old one has lost its place") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.does("deployment", "serve", CreateDeployment{"smol", "", true});
  REQUIRE(b.rests());
  auto running = report(TaskKind::serve, b.deployment("serve").id, 1, State::running);
  running.endpoint = "http://h:1";
  b.hears("east", {running});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").phase == DeploymentPhase::ready);
  b.does("deployment", "serve", ReviseDeployment{"smol", false, {}});
  REQUIRE(b.rests());
  CHECK(b.deployment("serve").attempt == 2);
  CHECK(b.deployment("serve").phase == DeploymentPhase::placed);
  CHECK(tasks_of(b.world, "east").size() == 1);
}
