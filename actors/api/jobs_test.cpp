#include <catch2/catch.hpp>

#include "actors/api/jobs.hpp"
#include "actors/api/jobs_logs.hpp"
#include "actors/api/jobs_spec.hpp"
#include "actors/api/jobs_view.hpp"
#include "actors/rest/names.hpp"

namespace luthier::api {
namespace {

using rest::Answer;
using rest::Json;

Json body(const char* steps) {
  return {{"source", "test"}, {"spec", Json::object()}, {"platform_spec", {{"steps", Json::parse(steps)}}}};
}

Json resolved(const char* steps) {
  const auto value = rest::validated(platform_job_schema(), body(steps));
  INFO((std::holds_alternative<Answer>(value) ? std::get<Answer>(value).body : ""));
  REQUIRE(std::holds_alternative<Json>(value));
  const auto spec = resolved_platform_spec(std::get<Json>(value)["platform_spec"]);
  REQUIRE(std::holds_alternative<Json>(spec));
  return std::get<Json>(spec)["steps"][0];
}

std::string refusal(const char* steps) {
  const auto value = rest::validated(platform_job_schema(), body(steps));
  if (const auto* refused = std::get_if<Answer>(&value)) return refused->body;
  const auto spec = resolved_platform_spec(std::get<Json>(value)["platform_spec"]);
  REQUIRE(std::holds_alternative<Answer>(spec));
  CHECK(std::get<Answer>(spec).status == 422);
  return std::get<Answer>(spec).body;
}

// The page that a cursor leads to, and what it leads to from there.
LogPlace at(std::int64_t limit, const std::string& cursor) { return std::get<LogPlace>(log_place(limit, cursor)); }

}  // namespace

TEST_CASE("a step is answered with its defaults, and a container's commands as a process of the host") {
  CHECK(resolved(R"([{"name": "s1", "executor": {"provider": "subprocess", "command": ["true"]}}])") == Json::parse(R"(
      {"name": "s1", "executor": {"provider": "subprocess", "profile": "default", "command": ["true"]}, "environment": null, "config": {},
       "lifecycle": {"staleness_timeout_seconds": 0}})"));
  CHECK(resolved(R"([{"name": "s1", "executor": {"provider": "cpu", "container": {"entrypoint": ["/bin/sh", "-c"], "command": ["true"]}}}])")["executor"] ==
        Json::parse(R"({"provider": "subprocess", "profile": "default", "command": ["/bin/sh", "-c", "true"]})"));
  const auto image = resolved(R"([{"name": "s1", "executor": {"provider": "cpu", "container": {"image": "x"}}, "config": {"a": [1]},
                                   "lifecycle": {"staleness_timeout_seconds": 60}}])");
  CHECK(image["executor"]["provider"] == "cpu");
  CHECK(image["config"] == Json::parse(R"({"a": [1]})"));
  CHECK(image["lifecycle"]["staleness_timeout_seconds"] == 60);
}

TEST_CASE("a spec that breaks a rule is refused in words that name what is wrong") {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "too_short"},
      {R"([{"name": "Bad Name", "executor": {"provider": "subprocess", "command": ["true"]}}])", "Bad Name"},
      {R"([{"name": "s1", "executor": {"provider": "abacus", "command": ["true"]}}])", "abacus"},
      {R"([{"name": "s1", "executor": {"provider": "subprocess", "profile": "nowhere", "command": ["true"]}}])", "nowhere"},
      {R"([{"name": "s1", "executor": {"provider": "subprocess", "command": []}}])", "command"},
      {R"([{"name": "s1", "executor": {"provider": "subprocess", "command": ["true"]}}, {"name": "s1", "executor": {"provider": "subprocess", "command": ["true"]}}])", "s1"},
      {R"([{"name": "s1", "executor": {"provider": "subprocess", "command": ["true"]}, "environment": [{"name": "A", "value": "1", "from_secret": {"name": "s1"}}]}])", "exactly one"},
      {R"([{"name": "s1", "executor": {"provider": "subprocess", "command": ["true"]}, "environment": [{"name": "A"}]}])", "exactly one"},
  };
  for (const auto& [steps, text] : cases) {
    INFO(steps);
    const auto said = refusal(steps);
    INFO(said);
    CHECK(said.find(text) != std::string::npos);
  }
}

TEST_CASE("secrets are found wherever an environment names them") {
  const auto spec = Json{{"steps", Json::array({resolved(R"([{"name": "s1", "executor": {"provider": "subprocess", "command": ["true"]},
      "environment": [{"name": "A", "value": "1"}, {"name": "B", "from_secret": {"name": "lab/key"}}]}])")})}};
  CHECK(secrets_of(spec) == std::vector<std::string>{"lab/key"});
}

TEST_CASE("a job without a name gets a good one, whatever its source is") {
  CHECK(generated_job_name("a-source-that-is-longer-than-twenty", "12345678").starts_with("a-source-that-is-lon-"));
  for (const std::string source : {"a-source-that-is-longer-than-twenty", "My Source!!", "9lives", "--", "é", "x", "aaaaaaaaaaaaaaaaaaa-bbb"}) {
    const auto name = generated_job_name(source, std::string("\x00\xff\x7f\x10\x20\x30\x40\x50", 8));
    INFO(name);
    CHECK(rest::is_entity_name(name));
    CHECK(name.size() <= 29);
  }
}

TEST_CASE("the cursors of a log lead from page to page and back") {
  const auto first = log_page(at(10, ""), Json::array(), 25);
  CHECK(first["prev_page"].is_null());
  CHECK(first["next_page"] == "nQx83Xfi");
  const auto second = at(10, first["next_page"]);
  CHECK(second.offset() == 10);
  const auto answer = log_page(second, Json::array(), 25);
  CHECK(at(10, answer["prev_page"]).offset() == 0);
  const auto third = at(10, answer["next_page"]);
  CHECK(third.offset() == 20);
  CHECK(log_page(third, Json::array(), 25)["next_page"].is_null());
  CHECK(log_page(at(10, ""), Json::array(), 0) == Json::parse(R"({"data": [], "total": 0, "next_page": null, "prev_page": null})"));
  CHECK(log_page(at(10, ""), Json::array(), 10)["next_page"].is_null());
  CHECK(std::get<Answer>(log_place(10, "!!")).status == 422);
  CHECK(at(1'000'000, "").limit == log_lines_max);
}

TEST_CASE("walking all pages gives each job of either kind once, newest first") {
  std::vector<DocumentPointer> platform, trainings;
  for (int i = 0; i < 9; ++i) {
    const Json body = {{"name", "j" + std::to_string(i)}, {"created_at", "2026-11-01T00:00:0" + std::to_string(i) + ".000000"}};
    (i % 3 == 0 ? trainings : platform).push_back(std::make_shared<Document>(body, body));
  }
  const auto jobs = in_order(platform, trainings);
  std::vector<std::string> names;
  for (std::int64_t page = 1; page <= 3; ++page) {
    const auto answer = Json::parse(rest::page_answer(rows_of(jobs), {}, {page, 4, "-created_at"}).body);
    CHECK(answer["pagination"]["total_results"] == 9);
    CHECK(answer["pagination"]["total_pages"] == 3);
    for (const auto& job : answer["data"]) names.push_back(job["name"]);
  }
  CHECK(names == std::vector<std::string>{"j8", "j7", "j6", "j5", "j4", "j3", "j2", "j1", "j0"});
}

TEST_CASE("a platform job is shown as its row has it, its ids always the same") {
  const auto row = Json::parse(R"({"id": "platform-job-x", "workspace": "default", "name": "j1", "created_at": "2026-11-01T00:00:00.000001Z",
      "updated_at": "2026-11-01T00:00:01.000000Z", "source": "test", "description": "", "project": "", "status": "active", "fileset_id": "fileset-1",
      "spec": {"any": 1}, "platform_spec": {"steps": [{"name": "s1", "config": {"c": 1}}, {"name": "s2", "config": {}}]}, "details": {"ownership": null},
      "status_details": {"step": 1}, "error_details": null,
      "steps": [{"name": "s1", "status": "active", "status_details": {}, "error_details": {}, "created_at": "2026-11-01T00:00:00Z", "created_by": "anonymous",
                 "updated_at": "2026-11-01T00:00:00Z", "updated_by": "ada", "tasks": [{"name": "task-1", "status": "active", "status_details": {"step": 1},
                 "error_details": {}, "error_stack": null, "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-01T00:00:00Z"}]}], "results": []})");
  const auto job = platform_job_response(row);
  CHECK(job["fileset"] == "job-fileset-j1");
  CHECK(job["attempt_id"].get<std::string>().starts_with("platform-job-attempt-"));
  CHECK(job["project"].is_null());
  CHECK(job["ownership"].is_null());
  CHECK(job["created_at"] == "2026-11-01T00:00:00.000001");
  const auto status = platform_job_status(row);
  REQUIRE(status["steps"].size() == 1);
  CHECK(status == platform_job_status(row));
  const auto step = step_response(job, status["steps"][0], true);
  CHECK(step["config"] == Json::parse(R"({"c": 1})"));
  CHECK(step["job"] == "j1");
  CHECK(step["created_by"] == "");
  CHECK(step["updated_by"] == "ada");
  CHECK(step["step_spec"]["name"] == "s1");
  const auto task = task_response(job, status["steps"][0], status["steps"][0]["tasks"][0]);
  CHECK(task["step_id"] == step["id"]);
  CHECK(task["error_stack"].is_null());
  CHECK(task["id"].get<std::string>().starts_with("platform-job-task-"));
}

}  // namespace luthier::api
