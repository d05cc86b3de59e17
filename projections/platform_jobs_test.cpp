#include "events/json/value.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::projections {
namespace {

using namespace events;

json::Value row_of(const StoryLog& story, const std::string& name) {
  const auto models = read_models_at(story.log, story.log.head().position);
  REQUIRE(models);
  const auto row = (*models)->get("platform_job", "default", name);
  REQUIRE(row);
  if (!*row) return {};
  auto value = json::parse(**row);
  REQUIRE(value);
  return std::move(*value);
}

std::string text(const json::Value& value, std::string_view path) {
  const json::Value* at = &value;
  for (std::string_view rest = path; at && !rest.empty();) {
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto name = rest.substr(0, slash);
    at = at->array() ? &at->array()->at(static_cast<std::size_t>(name[0] - '0')) : at->find(name);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  std::string out;
  if (at) json::append(out, *at);
  return out;
}

StoryLog a_job() {
  StoryLog story;
  story.must("default", CreateWorkspace{}, "system");
  CreatePlatformJob create;
  create.source = "test";
  create.spec.text = R"({"any":"thing"})";
  create.platform_spec.text = R"({"steps":[{"name":"s1"},{"name":"s2"}]})";
  story.must("j1", create);
  return story;
}

}  // namespace

TEST_CASE("the row of a platform job has its steps in order, and what was told of each") {
  StoryLog story = a_job();
  SetStepStatus active{"s1", "active"};
  active.status_details = JsonText{R"({"of":"step"})"};
  story.must("j1", active);
  PutTask put{"s1", "task-1"};
  put.status_details = JsonText{R"({"step":1,"phase":"training"})"};
  story.must("j1", put);
  put.status = "active";
  put.status_details = JsonText{R"({"step":2})"};
  put.error_stack = "here";
  story.must("j1", put);
  story.must("j1", MergeJobDetails{{R"({"note":null})"}});
  story.must("j1", PutJobResult{"one", "fileset://default/files#a", "fileset"});
  story.must("j1", PutJobResult{"one", "fileset://default/files#b", "fileset"});
  story.must("j1", SetStepStatus{"s1", "completed"});
  const auto row = row_of(story, "j1");
  CHECK(text(row, "status") == R"("active")");
  CHECK(text(row, "status_details") == R"({"step":2,"phase":"training","note":null})");
  CHECK(text(row, "error_details") == "null");
  CHECK(text(row, "steps/0/name") == R"("s1")");
  CHECK(text(row, "steps/0/status") == R"("completed")");
  CHECK(text(row, "steps/0/status_details") == R"({"of":"step"})");
  CHECK(text(row, "steps/0/created_by") == R"("ada")");
  CHECK(text(row, "steps/0/tasks/0/status") == R"("active")");
  CHECK(text(row, "steps/0/tasks/0/status_details") == R"({"step":2,"phase":"training"})");
  CHECK(text(row, "steps/0/tasks/0/error_stack") == R"("here")");
  CHECK(text(row, "steps/1/name") == R"("s2")");
  CHECK(text(row, "steps/1/status") == R"("created")");
  CHECK(text(row, "results/0/artifact_url") == R"("fileset://default/files#b")");
  CHECK(row.find("results")->array()->size() == 1);
}

TEST_CASE("the row of a platform job is gone with the job, and with its workspace") {
  StoryLog story = a_job();
  story.must("j1", DeletePlatformJob{});
  CHECK(row_of(story, "j1").is_null());
  StoryLog other = a_job();
  other.must("job-fileset-j1", DeleteFileset{});
  other.must("default", DeleteWorkspace{}, "system");
  CHECK(row_of(other, "j1").is_null());
}

}  // namespace luthier::projections
