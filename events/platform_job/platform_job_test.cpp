#include "events/platform_job/details.hpp"
#include "events/platform_job/rules.hpp"
#include "events/world/story_test.hpp"

namespace luthier::events {
namespace {

CreatePlatformJob with_steps(const std::vector<std::string>& names) {
  std::string steps;
  for (const auto& name : names) steps += std::string(steps.empty() ? "" : ",") + R"({"name":")" + name + R"("})";
  CreatePlatformJob create;
  create.source = "test";
  create.spec.text = "{}";
  create.platform_spec.text = R"({"steps":[)" + steps + "]}";
  return create;
}

SetStepStatus to(const std::string& status, const std::string& step = "s1") { return {step, status}; }

Story a_house() {
  Story story;
  story.given_in("system", "default", CreateWorkspace{});
  return story;
}

Story a_job(const std::vector<std::string>& steps = {"s1"}) {
  Story story = a_house();
  story.given("j1", with_steps(steps));
  return story;
}

const PlatformJobState& job(const Story& story) { return story.world.platform_jobs.at({"default", "j1"}); }
std::string status(const Story& story) { return std::string(to_string(job(story).status)); }
std::string step_status(const Story& story) { return std::string(to_string(job(story).steps.back().status)); }

// Any status of the first step, reached on a way that is allowed.
const std::map<std::string, std::vector<std::string>> ways{
    {"created", {}},
    {"pending", {"pending"}},
    {"active", {"active"}},
    {"cancelling", {"active", "cancelling"}},
    {"cancelled", {"cancelled"}},
    {"pausing", {"pausing"}},
    {"paused", {"paused"}},
    {"resuming", {"paused", "resuming"}},
    {"error", {"error"}},
    {"completed", {"active", "completed"}},
};

const std::map<std::string, std::vector<std::string>> allowed{
    {"created", {"pending", "active", "cancelling", "cancelled", "pausing", "paused", "error"}},
    {"pending", {"active", "cancelling", "cancelled", "error", "pausing", "paused", "completed"}},
    {"active", {"completed", "error", "cancelling", "cancelled", "pausing", "paused"}},
    {"pausing", {"paused", "error"}},
    {"paused", {"resuming", "active", "cancelling"}},
    {"resuming", {"pending", "active", "error", "cancelling"}},
    {"cancelling", {"cancelled", "error"}},
    {"cancelled", {}},
    {"error", {}},
    {"completed", {}},
};

Story a_job_in(const std::string& wanted) {
  Story story = a_job();
  for (const auto& next : ways.at(wanted)) story.given("j1", to(next));
  REQUIRE(step_status(story) == wanted);
  return story;
}

}  // namespace

TEST_CASE("a step moves exactly as the table of transitions has it, and a refusal names both statuses") {
  for (const auto& [from, targets] : allowed) {
    const Story story = a_job_in(from);
    for (const auto& [wanted, way] : ways) {
      INFO(from << " -> " << wanted);
      const bool may = std::find(targets.begin(), targets.end(), wanted) != targets.end();
      Story copy = story;
      const auto outcome = copy.when("j1", to(wanted));
      if (from == wanted) {
        outcome.then_nothing();
      } else if (may) {
        copy.given("j1", to(wanted));
        CHECK(step_status(copy) == wanted);
        CHECK(status(copy) == wanted);
      } else {
        outcome.then_refused(ErrorCode::conflict, "data.status");
        CHECK(outcome.message().find(from) != std::string::npos);
        CHECK(outcome.message().find(wanted) != std::string::npos);
        CHECK(outcome.message().find("s1") != std::string::npos);
      }
    }
  }
  a_job().when("j1", to("failed")).then_refused(ErrorCode::invalid, "data.status");
}

TEST_CASE("a step is created when the one before it has completed, and the last completes the job") {
  Story story = a_job({"s1", "s2"});
  CHECK(job(story).steps.size() == 1);
  story.when("j1", to("active", "s2")).then_refused(ErrorCode::not_found, "data.step");
  story.given("j1", to("pending"));
  CHECK(status(story) == "pending");
  story.given("j1", to("completed")).then({"PlatformStepStatusSet", "PlatformStepCreated", "PlatformJobStatusSet"});
  CHECK(status(story) == "active");
  CHECK(job(story).steps.size() == 2);
  CHECK(step_status(story) == "created");
  story.given("j1", to("pending", "s2"));
  CHECK(status(story) == "active");
  story.given("j1", to("active", "s2")).then({"PlatformStepStatusSet"});
  story.given("j1", to("completed", "s2"));
  CHECK(status(story) == "completed");
}

TEST_CASE("the error of a step is the error of its job") {
  Story story = a_job({"s1", "s2"});
  SetStepStatus failed = to("error");
  failed.error_details = JsonText{R"({"message":"out of luck"})"};
  const auto outcome = story.given("j1", failed);
  outcome.then({"PlatformStepStatusSet", "PlatformJobStatusSet"});
  CHECK(outcome.event<PlatformJobStatusSet>(1).error_details->text == R"({"message":"out of luck"})");
  CHECK(status(story) == "error");
}

TEST_CASE("a cancel ends at once what has not begun, asks what runs to stop, and leaves what has ended") {
  const std::map<std::string, std::string> after{
      {"created", "cancelled"}, {"pending", "cancelling"},   {"active", "cancelling"},     {"paused", "cancelling"}, {"resuming", "cancelling"},
      {"error", "error"},       {"completed", "completed"}, {"cancelling", "cancelling"}, {"cancelled", "cancelled"},
  };
  for (const auto& [from, wanted] : after) {
    INFO(from);
    Story story = a_job_in(from);
    story.given("j1", CancelPlatformJob{});
    CHECK(status(story) == wanted);
    CHECK(step_status(story) == wanted);
  }
  a_job_in("pausing").when("j1", CancelPlatformJob{}).then_refused(ErrorCode::conflict, "data.status");
  Story second = a_job({"s1", "s2"});
  second.given("j1", to("active"));
  second.given("j1", to("completed"));
  second.given("j1", CancelPlatformJob{});
  CHECK(status(second) == "cancelling");
}

TEST_CASE("a pause holds what may be paused, a resume takes up what is paused, and both leave the rest") {
  for (const auto& [from, way] : ways) {
    INFO(from);
    Story story = a_job_in(from);
    story.given("j1", PausePlatformJob{});
    CHECK(status(story) == (from == "created" || from == "pending" || from == "active" ? "pausing" : from));
    story = a_job_in(from);
    story.given("j1", ResumePlatformJob{});
    CHECK(status(story) == (from == "paused" ? "resuming" : from));
  }
}

TEST_CASE("a task's details are merged into the job's, a step's stay its own") {
  Story story = a_job();
  SetStepStatus active = to("active");
  active.status_details = JsonText{R"({"of":"step"})"};
  story.given("j1", active);
  PutTask put{"s1", "task-1"};
  put.status_details = JsonText{R"({"step":1,"phase":"training","lr":null})"};
  const auto made = story.given("j1", put);
  CHECK(made.event<PlatformTaskPut>(0).status == "pending");
  put.status = "active";
  put.status_details = JsonText{R"({"step":2})"};
  story.given("j1", put);
  story.given("j1", MergeJobDetails{{R"({"note":"mine"})"}});
  CHECK(job(story).steps[0].tasks.at("task-1").details.text == R"({"step":2,"phase":"training","lr":null})");
  CHECK(job(story).steps[0].details.text == R"({"of":"step"})");
  CHECK(job(story).details.text == R"({"step":2,"phase":"training","lr":null,"note":"mine"})");
  story.when("j1", PutTask{"s2", "task-1"}).then_refused(ErrorCode::not_found, "data.step");
  story.when("j1", PutTask{"s1", "a task"}).then_refused(ErrorCode::invalid, "data.task");
  story.when("j1", MergeJobDetails{{"[1]"}}).then_refused(ErrorCode::invalid, "data.status_details");
}

TEST_CASE("what is kept of a job has its bounds") {
  Story story = a_job();
  for (int i = 0; i < 256; ++i) story.given("j1", PutTask{"s1", "task-" + std::to_string(i)});
  story.when("j1", PutTask{"s1", "task-256"}).then_refused(ErrorCode::limit, "data.task");
  story.given("j1", PutTask{"s1", "task-0"});
  story.limits.document_bytes_max = 40;
  story.given("j1", MergeJobDetails{{R"({"a":"0123456789"})"}});
  story.when("j1", MergeJobDetails{{R"({"b":"0123456789012345678"})"}}).then_refused(ErrorCode::limit, "data.status_details");
}

TEST_CASE("platform jobs and fine-tuning jobs share their names") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.when("tune", with_steps({"s1"})).then_refused(ErrorCode::conflict, "name");
  story.given("j1", with_steps({"s1"}));
  story.when("j1", with_steps({"s1"})).then_refused(ErrorCode::conflict, "name");
  story.when("j1", story.start_job("cities")).then_refused(ErrorCode::conflict, "name");
  story.given("j1", DeletePlatformJob{});
  story.given("j1", story.start_job("cities"));
}

TEST_CASE("steps have names of their own, and at least one is needed") {
  Story story = a_house();
  for (const auto& names : std::vector<std::vector<std::string>>{{}, {"Bad Name"}, {"s1", "s1"}})
    story.when("j1", with_steps(names)).then_refused(ErrorCode::invalid, "data.platform_spec.steps");
  auto of_project = with_steps({"s1"});
  of_project.project = "nobody";
  story.when("j1", of_project).then_refused(ErrorCode::invalid, "data.project");
}

TEST_CASE("a job has a fileset, which goes with it unless something needs it") {
  Story story = a_job();
  CHECK(story.fileset("job-fileset-j1").id == job(story).fileset_id);
  CHECK(job(story).id.starts_with("platform-job-"));
  story.given("j1", DeletePlatformJob{}).then({"PlatformJobDeleted", "FilesetDeleted"});
  story.given("j1", with_steps({"s1"}));
  story.given("job-fileset-j1", PutFile{"model.gguf", std::string(64, 'a'), 1});
  story.given("kept", CreateModel{"job-fileset-j1", "", ""});
  story.given("j1", DeletePlatformJob{}).then({"PlatformJobDeleted"});
  const std::string long_name = std::string(60, 'a');
  story.given(long_name, with_steps({"s1"})).then({"PlatformJobCreated", "PlatformStepCreated"});
}

TEST_CASE("results are put and replaced by name") {
  Story story = a_job();
  story.given("j1", PutJobResult{"one", "fileset://default/files#one.txt", "fileset"}).then({"PlatformJobResultPut"});
  story.given("j1", PutJobResult{"one", "fileset://default/files#two.txt", "fileset"});
  CHECK(job(story).results == std::set<std::string>{"one"});
  story.when("j1", PutJobResult{"one", "", "fileset"}).then_refused(ErrorCode::invalid, "data.artifact_url");
  story.when("j1", PutJobResult{"one", "x", "s3"}).then_refused(ErrorCode::invalid, "data.artifact_storage_type");
}

TEST_CASE("a workspace takes its platform jobs with it") {
  Story story = a_house();
  story.given(std::string(60, 'a'), with_steps({"s1"}));
  story.given_in("system", "default", DeleteWorkspace{});
  CHECK(story.world.platform_jobs.empty());
}

}  // namespace luthier::events
