#include "events/world/story_test.hpp"

namespace luthier::events {

TEST_CASE("a job is queued with what its check has found, and its method from its configuration") {
  Story story = a_workshop();
  const auto outcome = story.given("tune", story.start_job("capitals"));
  outcome.then({"JobQueued"});
  const auto& queued = outcome.event<JobQueued>(0);
  CHECK(queued.method == "lora");
  CHECK(queued.model == "default/smol");
  CHECK(queued.dataset == "default/rows");
  CHECK(story.job("tune").phase == JobPhase::queued);
  CHECK(story.job("tune").queued_order == 1);
  story.when("tune", story.start_job("other")).then_refused(ErrorCode::conflict, "name");
}

TEST_CASE("a job that was not checked, or whose inputs have changed since, is not accepted") {
  Story story = a_workshop();
  auto start = story.start_job("capitals");
  auto stale = start;
  stale.inputs->model_fileset_id = "fileset-old";
  story.when("tune", stale).then_refused(ErrorCode::conflict, "data.inputs");
  start.inputs.reset();
  story.when("tune", start).then_refused(ErrorCode::internal, "data.inputs");
  start.model = "missing";
  story.when("tune", start).then_refused(ErrorCode::invalid, "data.model");
  start.model = "smol";
  start.dataset = "missing";
  story.when("tune", start).then_refused(ErrorCode::invalid, "data.dataset");
}

TEST_CASE("a configuration without a usable method is refused by its member") {
  Story story = a_workshop();
  const auto refused = [&](const std::string& config, const std::string& field) {
    auto start = story.start_job("capitals");
    start.config.text = config;
    story.when("tune", start).then_refused(ErrorCode::invalid, field);
  };
  refused("null", "data.config");
  refused("{", "data.config");
  refused("{}", "data.config.method");
  refused(R"({"method":"magic"})", "data.config.method");
  refused(R"({"method":"lora"})", "data.config.lora.r");
  refused(R"({"method":"lora","lora":{"r":0,"alpha":1}})", "data.config.lora.r");
  refused(R"({"method":"lora","lora":{"r":8}})", "data.config.lora.alpha");
}

TEST_CASE("an output is free when the job starts, and claimed until the job ends") {
  Story story = a_workshop();
  story.given("smol", CreateAdapter{"taken", "rows", "", true, LoraShape{8, 16}});
  story.when("tune", story.start_job("taken")).then_refused(ErrorCode::conflict, "data.output");
  story.when("tune", story.start_job("smol", "full")).then_refused(ErrorCode::conflict, "data.output");
  story.when("tune", story.start_job("Bad")).then_refused(ErrorCode::invalid, "data.output");
  story.given("first", story.start_job("capitals"));
  story.when("second", story.start_job("capitals")).then_refused(ErrorCode::conflict, "data.output");
  story.when("second", story.start_job("capitals", "full")).then_refused(ErrorCode::conflict, "data.output");
  story.given("first", CancelJob{});
  story.when("second", story.start_job("capitals")).then({"JobQueued"});
}

TEST_CASE("an adapter is made in its job's workspace, wherever its model lives") {
  Story story = a_workshop();
  story.given_in("system", "lab", CreateWorkspace{});
  auto start = story.start_job("capitals");
  start.model = "default/smol";
  start.dataset = "default/rows";
  story.given_in("lab", "tune", start).then({"JobQueued"});
  story.when("smol", CreateAdapter{"lab/capitals", "rows", "", true, LoraShape{8, 16}}).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("smol", CreateAdapter{"capitals", "rows", "", true, LoraShape{8, 16}}).then({"AdapterCreated"});
  story.given_in("lab", "tune", place_job(1));
  story.given_in("lab", "tune", BeginAttempt{1, 0});
  const auto made = story.given_in("lab", "tune", Story::complete(1));
  CHECK(made.facts().back().workspace == "lab");
  const auto& adapter = story.model("smol").adapters.at("lab/capitals");
  CHECK(adapter.workspace == "lab");
  CHECK(adapter.fileset == "lab/capitals");
  CHECK(story.world.adapter_models.at({"lab", "capitals"}) == "default/smol");
}

TEST_CASE("a job is placed on a free device of a worker that is there") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.when("tune", place_job(2)).then_refused(ErrorCode::conflict, "data.attempt");
  story.when("tune", place_job(1, "older")).then_refused(ErrorCode::conflict, "data.worker");
  story.when("tune", place_job(1, "first", "cuda:9")).then_refused(ErrorCode::conflict, "data.device");
  story.when("tune", PlaceJob{1, "nobody", "first", "cpu"}).then_refused(ErrorCode::conflict, "data.worker");
  story.given("tune", place_job(1)).then({"JobPlaced"});
  story.when("tune", place_job(2)).then_refused(ErrorCode::conflict);
  story.given("second", story.start_job("cities"));
  story.when("second", place_job(1)).then_refused(ErrorCode::conflict, "data.device");
  story.when("second", place_job(1, "first", "cuda:0")).then({"JobPlaced"});
  story.given_in("system", "bench", DrainWorker{}).then({"WorkerDraining"});
  story.when("second", place_job(1, "first", "cuda:0")).then_refused(ErrorCode::conflict, "data.worker");
}

TEST_CASE("a report is taken from the worker that holds the attempt, and from no other") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  auto begin = story.request("default", "tune", BeginAttempt{1, 0});
  begin.key.principal = "worker:other";
  story.when(begin).then_refused(ErrorCode::invalid, "principal");
  begin.key.principal = "worker:bench";
  story.when(begin).then({"JobStarted"});
}

TEST_CASE("an attempt begins once, and the job starts with the first that begins") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  story.when("tune", RecordCheckpoint{1, 5}).then_refused(ErrorCode::conflict);
  story.when("tune", Story::complete(1)).then_refused(ErrorCode::conflict);
  story.given("tune", FailAttempt{1, "lost", "gone", true}).then({"JobAttemptEnded"});
  story.given("tune", place_job(2));
  story.when("tune", BeginAttempt{2, 31}).then_refused(ErrorCode::invalid, "data.resumed_from_step");
  story.given("tune", BeginAttempt{2, 0}).then({"JobStarted"});
  story.when("tune", BeginAttempt{2, 0}).then_nothing();
  CHECK(story.job("tune").phase == JobPhase::active);
}

TEST_CASE("a later attempt resumes from a checkpoint that is there") {
  Story story = a_running_job();
  story.given("tune", RecordCheckpoint{1, 10}).then({"JobCheckpointed"});
  story.when("tune", RecordCheckpoint{1, 10}).then_nothing();
  story.when("tune", RecordCheckpoint{1, 5}).then_refused(ErrorCode::conflict, "data.step");
  story.when("tune", RecordCheckpoint{1, 31}).then_refused(ErrorCode::invalid, "data.step");
  story.given("tune", FailAttempt{1, "crashed", "signal 9", true});
  CHECK(story.job("tune").attempts_failed == 1);
  CHECK(story.job("tune").outcome == "crashed");
  story.given("tune", place_job(2));
  story.given("tune", BeginAttempt{2, 10}).then({"JobAttemptStarted"});
  CHECK(story.job("tune").checkpoint_step == 10);
}

TEST_CASE("a completed job makes its adapter in the same decision") {
  Story story = a_running_job();
  const auto outcome = story.given("tune", Story::complete(1));
  outcome.then({"JobStepFinished", "FilesetCreated", "FilePut", "FilePut", "JobStepFinished", "AdapterCreated", "JobStepFinished",
                "JobCompleted"});
  CHECK(outcome.event<JobCompleted>(7).output == "default/capitals");
  CHECK(outcome.event<JobCompleted>(7).output_kind == "adapter");
  CHECK(outcome.event<JobCompleted>(7).output_fileset == "default/capitals");
  const AdapterState& adapter = story.model("smol").adapters.at("capitals");
  CHECK(adapter.enabled);
  CHECK(adapter.lora == LoraShape{8, 32});
  CHECK(adapter.key() == story.fileset("capitals").id + "@" + std::to_string(story.fileset("capitals").content_version));
  CHECK(outcome.event<AdapterCreated>(5).created_by_job == "default/tune");
  CHECK(story.job("tune").phase == JobPhase::completed);
  CHECK(story.job("tune").config.text == "null");  // what nobody decides on any more is dropped
  CHECK(story.world.open_jobs.empty());
}

TEST_CASE("a full training makes a model of its own") {
  Story story = a_workshop();
  story.given("tune", story.start_job("better", "full"));
  story.given("tune", place_job(1));
  story.given("tune", BeginAttempt{1, 0});
  const auto outcome = story.given("tune", Story::complete(1));
  outcome.then({"JobStepFinished", "FilesetCreated", "FilePut", "FilePut", "JobStepFinished", "ModelCreated", "JobStepFinished",
                "JobCompleted"});
  CHECK(story.model("better").base_model == "default/smol");
  CHECK(outcome.event<JobCompleted>(7).output_kind == "model");
}

TEST_CASE("an output fileset whose name is taken gets a part of the job's id") {
  Story story = a_running_job();
  story.given("capitals", CreateFileset{});
  const std::string fileset = story.given("tune", Story::complete(1)).event<JobCompleted>(7).output_fileset;
  CHECK(fileset.starts_with("default/capitals-"));
  CHECK(fileset.size() == std::string("default/capitals-").size() + 8);
  CHECK(parse_reference(fileset, ""));
}

TEST_CASE("a result needs files that can be stored and numbers that can be written") {
  Story story = a_running_job();
  auto complete = Story::complete(1);
  complete.files.clear();
  story.when("tune", complete).then_refused(ErrorCode::invalid, "data.files");
  complete.files = {file("../escape")};
  story.when("tune", complete).then_refused(ErrorCode::invalid, "data.files[0].path");
  complete = Story::complete(1);
  complete.summary.final_loss = std::numeric_limits<double>::quiet_NaN();
  story.when("tune", complete).then_refused(ErrorCode::invalid, "data.summary.final_loss");
}

TEST_CASE("an attempt is tried again a bounded number of times, and only when that may help") {
  Story story = a_workshop();
  story.limits.job_attempts_max = 3;
  story.given("tune", story.start_job("capitals"));
  for (int attempt = 1; attempt <= 2; ++attempt) {
    story.given("tune", place_job(attempt));
    story.given("tune", BeginAttempt{attempt, 0});
    story.given("tune", FailAttempt{attempt, "crashed", "signal 11", true}).then({"JobAttemptEnded"});
  }
  story.given("tune", place_job(3));
  story.when("tune", FailAttempt{3, "failed", "loss is not a number", false}).then({"JobFailed"});
  story.given("tune", FailAttempt{3, "crashed", "signal 11", true}).then({"JobFailed"});
  CHECK(story.job("tune").phase == JobPhase::failed);
  CHECK(story.job("tune").reason == "signal 11");
}

TEST_CASE("a worker that leaves in order costs a job no attempt, however often it does") {
  Story story = a_workshop();
  story.limits.job_attempts_max = 2;
  story.given("tune", story.start_job("capitals"));
  for (int attempt = 1; attempt <= 5; ++attempt) {
    story.given("tune", place_job(attempt));
    story.given("tune", BeginAttempt{attempt, 0});
    story.given("tune", FailAttempt{attempt, "stopped", "the worker left", true}).then({"JobAttemptEnded"});
  }
  CHECK(story.job("tune").attempts_failed == 0);
}

TEST_CASE("a reason may be any bytes, and is kept readable and bounded") {
  Story story = a_running_job();
  const auto outcome = story.when("tune", FailAttempt{1, "crashed", "bad \xFF" + std::string(5000, 'x'), true});
  const std::string reason = outcome.event<JobAttemptEnded>(0).reason;
  CHECK(reason.starts_with("bad \xEF\xBF\xBD"));
  CHECK(reason.size() <= story.limits.description_bytes_max);
}

TEST_CASE("a waiting job is cancelled at once, a running one when its process is gone") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.when("tune", CancelJob{"enough"}).then({"JobCancelled"});
  story.given("tune", place_job(1));
  story.given("tune", BeginAttempt{1, 0});
  story.when("tune", ConfirmStopped{1, 0}).then_refused(ErrorCode::conflict);
  story.given("tune", CancelJob{"enough"}).then({"JobCancelRequested"});
  CHECK(story.job("tune").phase == JobPhase::cancelling);
  story.when("tune", CancelJob{}).then_nothing();
  story.when("tune", PauseJob{}).then_refused(ErrorCode::conflict);
  story.when("tune", FailAttempt{1, "crashed", "killed", true}).then({"JobCancelled"});
  story.when("tune", Story::complete(1)).then({"JobCancelled"});  // the result came too late to be wanted
  story.given("tune", ConfirmStopped{1, 0}).then({"JobCancelled"});
  CHECK(story.job("tune").reason == "enough");
  story.when("tune", CancelJob{}).then_nothing();
}

TEST_CASE("a job that is cancelled before its attempt has begun never begins") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  story.given("tune", CancelJob{}).then({"JobCancelRequested"});
  story.when("tune", BeginAttempt{1, 0}).then_refused(ErrorCode::conflict);
  story.given("tune", ConfirmStopped{1, 0}).then({"JobCancelled"});
}

TEST_CASE("a pause keeps the last checkpoint, and a resume queues the job again") {
  Story story = a_running_job();
  story.given("tune", RecordCheckpoint{1, 10});
  story.when("tune", ResumeJob{}).then_refused(ErrorCode::conflict);
  story.given("tune", PauseJob{}).then({"JobPauseRequested"});
  story.when("tune", PauseJob{}).then_nothing();
  story.when("tune", RecordCheckpoint{1, 12}).then({"JobCheckpointed"});
  story.when("tune", FailAttempt{1, "lost", "", true}).then({"JobPaused"});
  story.when("tune", Story::complete(1)).then({"JobStepFinished", "FilesetCreated", "FilePut", "FilePut", "JobStepFinished",
                                               "AdapterCreated", "JobStepFinished", "JobCompleted"});
  story.given("tune", ConfirmStopped{1, 14}).then({"JobPaused"});
  CHECK(story.job("tune").checkpoint_step == 14);
  CHECK(story.job("tune").worker.empty());
  story.when("tune", place_job(2)).then_refused(ErrorCode::conflict);
  story.when("tune", CancelJob{}).then({"JobCancelled"});
  story.given("tune", ResumeJob{}).then({"JobResumed"});
  story.given("tune", place_job(2));
  story.given("tune", BeginAttempt{2, 14}).then({"JobAttemptStarted"});
}

TEST_CASE("invariant 8: a report of an attempt that is over is refused, whatever it says") {
  Story story = a_running_job();
  story.given("tune", FailAttempt{1, "lost", "lease", true});
  const auto refuse_all = [&](std::int64_t attempt) {
    story.when("tune", BeginAttempt{attempt, 0}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", RecordCheckpoint{attempt, 1}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", Story::complete(attempt)).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", FailAttempt{attempt, "failed", "", true}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", ConfirmStopped{attempt, 0}).then_refused(ErrorCode::conflict, "data.attempt");
  };
  refuse_all(1);  // ended, and none runs
  story.given("tune", place_job(2));
  story.given("tune", BeginAttempt{2, 0});
  refuse_all(1);  // ended, and another runs
  refuse_all(3);  // not placed yet
  CHECK(story.when("tune", Story::complete(1)).message() == "attempt 1 is over; 2 runs");
  story.when("tune", Story::complete(2)).facts();
}

TEST_CASE("invariant 9: a job that has ended stays as it is, whatever is sent to it") {
  const auto check_over = [](Story& story) {
    const JobState before = story.job("tune");
    REQUIRE(is_terminal(before.phase));
    story.when("tune", CancelJob{}).then_nothing();
    story.when("tune", PauseJob{}).then_refused(ErrorCode::conflict);
    story.when("tune", ResumeJob{}).then_refused(ErrorCode::conflict);
    story.when("tune", place_job(before.attempt + 1)).then_refused(ErrorCode::conflict);
    story.when("tune", BeginAttempt{before.attempt, 0}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", RecordCheckpoint{before.attempt, 1}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", Story::complete(before.attempt)).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", FailAttempt{before.attempt, "lost", "", true}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", ConfirmStopped{before.attempt, 0}).then_refused(ErrorCode::conflict, "data.attempt");
    story.when("tune", story.start_job("again")).then_refused(ErrorCode::conflict, "name");
    story.given_in("system", "bench", hello("second")).then({"WorkerJoined"});
    CHECK(story.job("tune").phase == before.phase);
    CHECK(story.job("tune").version == before.version);
  };
  Story completed = a_running_job();
  completed.given("tune", Story::complete(1));
  check_over(completed);
  Story failed = a_running_job();
  failed.given("tune", FailAttempt{1, "failed", "no", false});
  check_over(failed);
  Story cancelled = a_running_job();
  cancelled.given("tune", CancelJob{});
  cancelled.given("tune", ConfirmStopped{1, 0});
  check_over(cancelled);
}

namespace {

SubmitJob submit_job(const std::string& output, const std::string& method = "lora") {
  SubmitJob submit;
  submit.model = "smol";
  submit.dataset = "rows";
  submit.output = output;
  submit.config.text = R"({"method":")" + method + R"(","lora":{"r":8,"alpha":32}})";
  return submit;
}

PrepareJob prepare_job(const Story& story, const std::string& output, const std::string& method = "lora") {
  const auto start = story.start_job(output, method);
  return {start.config, *start.inputs};
}

// Submitted, prepared, trained.
Outcome trained(Story& story, const std::string& name, const SubmitJob& submit, const std::string& method = "lora") {
  story.given(name, submit);
  story.given(name, prepare_job(story, submit.output, method));
  story.given(name, place_job(1));
  story.given(name, BeginAttempt{1, 0});
  return story.given(name, Story::complete(1));
}

}  // namespace

TEST_CASE("a submitted job is accepted at once, and queued when it is prepared") {
  Story story = a_workshop();
  story.given("tune", submit_job("capitals")).then({"JobSubmitted"});
  CHECK(story.job("tune").phase == JobPhase::checking);
  story.when("tune", place_job(1)).then_refused(ErrorCode::conflict);
  auto stale = prepare_job(story, "capitals");
  stale.inputs.model_id = "model-other";
  story.when("tune", stale).then_refused(ErrorCode::conflict, "data.inputs");
  story.given("tune", prepare_job(story, "capitals")).then({"JobQueued"});
  CHECK(story.job("tune").phase == JobPhase::queued);
  story.when("tune", prepare_job(story, "capitals")).then_refused(ErrorCode::conflict);
}

TEST_CASE("a submitted job whose rows are bad fails with the reason, and can then be deleted") {
  Story story = a_workshop();
  story.given("tune", submit_job("capitals"));
  story.when("tune", DeleteJob{}).then_refused(ErrorCode::conflict);
  const auto outcome = story.given("tune", RejectJob{"train.jsonl: row 4: not JSON"});
  outcome.then({"JobFailed"});
  CHECK(outcome.event<JobFailed>(0).reason == "train.jsonl: row 4: not JSON");
  story.when("tune", RejectJob{"again"}).then_refused(ErrorCode::conflict);
  story.given("tune", DeleteJob{}).then({"JobDeleted"});
  story.when("tune", submit_job("capitals")).then({"JobSubmitted"});
}

TEST_CASE("a job that waits for its preparation is cancelled, paused and resumed") {
  Story story = a_workshop();
  story.given("tune", submit_job("capitals"));
  story.given("tune", PauseJob{}).then({"JobPaused"});
  story.given("tune", ResumeJob{}).then({"JobResumed"});
  CHECK(story.job("tune").phase == JobPhase::checking);
  story.given("tune", CancelJob{"no longer"}).then({"JobCancelled"});
}

TEST_CASE("the files of a result go into the fileset that was promised") {
  Story story = a_workshop();
  auto submit = submit_job("capitals");
  submit.output_fileset = "Bad";
  story.when("tune", submit).then_refused(ErrorCode::invalid, "data.output_fileset");
  submit.output_fileset = "rows";
  story.when("tune", submit).then_refused(ErrorCode::conflict, "data.output_fileset");
  submit.output_fileset = "capitals-0123456789ab";
  trained(story, "tune", submit);
  CHECK(story.model("smol").adapters.at("capitals").fileset == "default/capitals-0123456789ab");
}

TEST_CASE("a result that is to be served is served by the latest version of its config") {
  Story story = a_workshop();
  const auto served_with = [&](const std::string& output, const std::string& config) {
    auto submit = submit_job(output, "full");
    submit.deploy = WishedDeployment{"serve-" + output, config, {R"({"versions":[{"entity_version":1}]})"}, true};
    trained(story, "tune-" + output, submit, "full");
    return story.deployment("serve-" + output).details.text;
  };
  CHECK(served_with("first", "small") == R"({"config":"small","config_version":1})");
  CHECK(story.world.records.contains({"default", "deployment_config::small"}));
  story.given("deployment_config::small", UpdateRecord{{}, {}, JsonText{R"({"versions":[{"entity_version":1},{"entity_version":3}]})"}, {}});
  CHECK(served_with("second", "small") == R"({"config":"small","config_version":3})");
}

TEST_CASE("a submitted job gives an adapter that is there new files, and enables it") {
  Story story = a_workshop();
  trained(story, "first", submit_job("capitals"));
  story.given("smol", DisableAdapter{"capitals"});
  const auto before = story.model("smol").adapters.at("capitals");
  trained(story, "second", submit_job("capitals"))
      .then({"JobStepFinished", "FilesetCreated", "FilePut", "FilePut", "JobStepFinished", "AdapterUpdated", "AdapterEnabled", "JobStepFinished",
             "JobCompleted"});
  const auto& after = story.model("smol").adapters.at("capitals");
  CHECK(after.id == before.id);
  CHECK(after.fileset_id != before.fileset_id);
  CHECK(after.enabled);
}

TEST_CASE("a merged adapter is a model, which says how its weights came about") {
  Story story = a_workshop();
  auto submit = submit_job("capitals");
  submit.config.text = R"({"method":"lora","lora":{"r":8,"alpha":32},"merge":true})";
  story.given("tune", submit);
  CHECK(story.job("tune").method == "full");
  auto prepare = prepare_job(story, "capitals");
  prepare.config = submit.config;
  story.given("tune", prepare);
  story.given("tune", place_job(1));
  story.given("tune", BeginAttempt{1, 0});
  story.given("tune", Story::complete(1))
      .then({"JobStepFinished", "FilesetCreated", "FilePut", "FilePut", "JobStepFinished", "ModelCreated", "ModelDetailsSet", "JobStepFinished",
             "JobCompleted"});
  CHECK(story.model("capitals").details.text == R"({"finetuning_type":"lora_merged"})");
}

TEST_CASE("a submitted job gives a model that is there new files, unless it is its base or in use") {
  Story story = a_workshop();
  story.when("tune", submit_job("smol", "full")).then_refused(ErrorCode::conflict, "data.output");
  trained(story, "first", submit_job("capitals", "full"), "full");
  const auto id = story.model("capitals").id;
  trained(story, "second", submit_job("capitals", "full"), "full")
      .then({"JobStepFinished", "FilesetCreated", "FilePut", "FilePut", "JobStepFinished", "ModelUpdated", "ModelDetailsSet", "JobStepFinished",
             "JobCompleted"});
  CHECK(story.model("capitals").id == id);
  story.given("capitals", story.spec_of("capitals"));
  story.given("serve", CreateDeployment{"capitals", "", true});
  story.when("third", submit_job("capitals", "full")).then_refused(ErrorCode::conflict, "data.output");
}

}  // namespace luthier::events
