// What the rows of each entity say, told as short stories.
#include "events/json/value.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::projections {
namespace {

using namespace events;

class Rows {
 public:
  StoryLog told;

  json::Value row(const std::string& entity, const std::string& name, const std::string& workspace = "default") const {
    const auto models = read_models_at(told.log, told.log.head().position);
    REQUIRE(models);
    const auto document = (*models)->get(entity, workspace, name);
    REQUIRE(document);
    REQUIRE(*document);
    return *json::parse(**document);
  }
  bool is_there(const std::string& entity, const std::string& name) const {
    return (*(*read_models_at(told.log, told.log.head().position))->get(entity, "default", name)).has_value();
  }
};

std::string text(const json::Value& row, std::string_view member) {
  const json::Value* value = row.find(member);
  REQUIRE(value);
  std::string out;
  if (value->text()) return *value->text();
  json::append(out, *value);
  return out;
}

}  // namespace

TEST_CASE("a fileset's row has its files in order and counts them") {
  Rows rows;
  rows.told.workshop();
  auto row = rows.row("fileset", "rows");
  CHECK(text(row, "file_count") == "2");
  CHECK(text(row, "size_bytes") == "111");
  CHECK(text(row.find("files")->array()->at(0), "path") == "a/b.txt");
  rows.told.must("rows", PutFile{"train.jsonl", std::string(64, '1'), 1});
  rows.told.must("rows", DeleteFile{"a/b.txt"});
  row = rows.row("fileset", "rows");
  CHECK(text(row, "file_count") == "1");
  CHECK(text(row, "size_bytes") == "1");
  CHECK(text(row, "content_version") == "5");
  CHECK(text(row, "version") == "5");
}

TEST_CASE("a fileset is read without its files, and a file without its fileset") {
  Rows rows;
  rows.told.workshop();
  CHECK(text(rows.row("fileset_head", "rows"), "file_count") == "2");
  CHECK(rows.row("fileset_head", "rows").find("files") == nullptr);
  CHECK(text(rows.row("file", "rows/a/b.txt"), "path") == "a/b.txt");
  CHECK_FALSE(rows.is_there("file", "rows/a"));
  CHECK_FALSE(rows.is_there("fileset", "rows/a/b.txt"));
  rows.told.must("rows", DeleteFileset{});
  CHECK_FALSE(rows.is_there("file", "rows/a/b.txt"));
  CHECK_FALSE(rows.is_there("fileset_head", "rows"));
}

TEST_CASE("a deleted fileset leaves nothing behind for the next of its name") {
  Rows rows;
  rows.told.workshop();
  rows.told.must("rows", DeleteFileset{});
  CHECK_FALSE(rows.is_there("fileset", "rows"));
  rows.told.must("rows", CreateFileset{});
  CHECK(rows.row("fileset", "rows").find("files")->array()->empty());
}

TEST_CASE("a model's row has its spec and the rows of its adapters") {
  Rows rows;
  rows.told.workshop();
  rows.told.must("smol", CreateAdapter{"hand", "rows", "made elsewhere", true, LoraShape{8, 16}});
  rows.told.must("smol", CreateAdapter{"arm", "rows", "", false, LoraShape{4, 8}});
  rows.told.must("smol", DisableAdapter{"hand"});
  auto row = rows.row("model", "smol");
  CHECK(text(*row.find("spec"), "family") == "llama");
  CHECK(text(row, "finetuning_type") == "null");
  CHECK(text(row, "version") == "5");
  const auto& adapters = *row.find("adapters")->array();
  REQUIRE(adapters.size() == 2);
  CHECK(text(adapters[0], "name") == "arm");
  CHECK(text(adapters[1], "name") == "hand");
  CHECK(text(adapters[1], "enabled") == "false");
  CHECK(text(adapters[1], "model") == "default/smol");
  CHECK(text(adapters[1], "served_name") == "default--hand");
  CHECK(text(*adapters[1].find("lora"), "rank") == "8");
  CHECK(text(rows.row("adapter", "hand"), "id") == text(adapters[1], "id"));
  rows.told.must("smol", DeleteModel{});
  CHECK_FALSE(rows.is_there("model", "smol"));
  CHECK_FALSE(rows.is_there("adapter", "hand"));
}

TEST_CASE("a job's row tells its attempts, its waits and its end") {
  Rows rows;
  rows.told.workshop();
  const auto status = [&] { return text(rows.row("job", "tune"), "status"); };
  rows.told.must("tune", rows.told.story.start_job("capitals"));
  CHECK(status() == "created");
  CHECK(text(rows.row("job", "tune"), "started_at") == "null");
  rows.told.must("tune", place_job(1));
  CHECK(status() == "pending");
  rows.told.must("tune", BeginAttempt{1, 0});
  CHECK(status() == "active");
  CHECK(text(rows.row("job", "tune"), "waited_seconds") == "3.0");
  rows.told.must("tune", RecordCheckpoint{1, 10});
  rows.told.must("tune", FailAttempt{1, "crashed", "signal 9", true});
  CHECK(status() == "active");  // the platform knows no way back to pending
  rows.told.must("tune", place_job(2));
  CHECK(status() == "active");
  rows.told.must("tune", BeginAttempt{2, 10});
  rows.told.must("tune", Story::complete(2));
  const auto row = rows.row("job", "tune");
  CHECK(text(row, "status") == "completed");
  CHECK(text(row, "output_kind") == "adapter");
  CHECK(text(row, "output_fileset") == "default/capitals");
  CHECK(text(row, "ended_at") == text(row, "updated_at"));
  const auto& attempts = *row.find("attempts")->array();
  REQUIRE(attempts.size() == 2);
  CHECK(text(attempts[0], "outcome") == "crashed");
  CHECK(text(attempts[0], "reason") == "signal 9");
  CHECK(text(attempts[1], "outcome") == "completed");
  CHECK(text(attempts[1], "resumed_from_step") == "10");
  CHECK(row.find("checkpoints")->array()->size() == 1);
  CHECK(text(row.find("steps_finished")->array()->at(2), "step") == "create_entity");
  CHECK(text(*row.find("summary"), "steps") == "0");
  CHECK(text(rows.row("adapter", "capitals"), "created_by_job") == "default/tune");
}

TEST_CASE("a job's status follows pause, resume and cancel") {
  Rows rows;
  rows.told.workshop();
  const auto status = [&] { return text(rows.row("job", "tune"), "status"); };
  rows.told.must("tune", rows.told.story.start_job("capitals"));
  rows.told.must("tune", place_job(1));
  rows.told.must("tune", BeginAttempt{1, 0});
  rows.told.must("tune", PauseJob{});
  CHECK(status() == "pausing");
  rows.told.must("tune", ConfirmStopped{1, 7});
  CHECK(status() == "paused");
  CHECK(text(rows.row("job", "tune"), "checkpoint_step") == "7");
  rows.told.must("tune", ResumeJob{});
  CHECK(status() == "resuming");
  rows.told.must("tune", place_job(2));
  CHECK(status() == "pending");
  rows.told.must("tune", CancelJob{"enough"});
  CHECK(status() == "cancelling");
  rows.told.must("tune", ConfirmStopped{2, 0});
  CHECK(status() == "cancelled");
  CHECK(text(rows.row("job", "tune"), "reason") == "enough");
}

TEST_CASE("the jobs that have ended go with their workspace") {
  Rows rows;
  rows.told.workshop();
  rows.told.must("tune", rows.told.story.start_job("capitals"));
  rows.told.must("tune", CancelJob{});
  rows.told.must("smol", DeleteModel{});
  rows.told.must("smol-files", DeleteFileset{});
  rows.told.must("rows", DeleteFileset{});
  CHECK(rows.is_there("job", "tune"));
  rows.told.must("default", DeleteWorkspace{}, "system");
  CHECK_FALSE(rows.is_there("job", "tune"));
}

TEST_CASE("a deployment's row says where it is and what it has loaded") {
  Rows rows;
  rows.told.workshop();
  rows.told.must("serve", CreateDeployment{"smol", "", true});
  CHECK(text(rows.row("deployment", "serve"), "status") == "CREATED");
  CHECK(text(rows.row("deployment", "serve"), "endpoint") == "null");
  rows.told.must("serve", PlaceDeployment{1, "bench", "first", "cpu"});
  rows.told.must("serve", ReportReady{1, "http://127.0.0.1:4000"});
  rows.told.must("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{8, 16}});
  const std::string key = rows.told.story.model("smol").adapters.at("hand").key();
  rows.told.must("serve", RequestAdapterLoad{1, "default--hand", key});
  rows.told.must("serve", ConfirmAdapterLoaded{1, "default--hand", key});
  auto row = rows.row("deployment", "serve");
  CHECK(text(row, "status") == "READY");
  CHECK(text(row, "endpoint") == "http://127.0.0.1:4000");
  CHECK(text(row.find("adapters")->array()->at(0), "status") == "loaded");
  CHECK(row.find("status_history")->array()->size() == 3);
  rows.told.must("serve", FailDeployment{1, "crashed", "signal 9", true});
  row = rows.row("deployment", "serve");
  CHECK(text(row, "status") == "PENDING");
  CHECK(text(row, "reason") == "signal 9");
  CHECK(text(row.find("status_history")->array()->back(), "status") == "PENDING");
  CHECK(row.find("adapters")->array()->empty());
  rows.told.must("serve", DeleteDeployment{});
  CHECK_FALSE(rows.is_there("deployment", "serve"));
}

TEST_CASE("a deployment's row keeps its earlier versions, and the same status twice is once") {
  Rows rows;
  rows.told.workshop();
  rows.told.must("serve", CreateDeployment{"smol", "", true, true, JsonText{R"({"config":"c","config_version":1})"}});
  rows.told.must("serve", PostponeDeployment{"waits"});
  rows.told.must("serve", ReviseDeployment{"smol", false, JsonText{R"({"config_version":2})"}});
  rows.told.must("serve", PlaceDeployment{1, "bench", "first", "cpu"});
  rows.told.must("serve", ReportReady{1, "http://h:1"});
  rows.told.must("serve", FailDeployment{1, "crashed", "signal 9", true});
  rows.told.must("serve", PlaceDeployment{2, "bench", "first", "cpu"});
  rows.told.must("serve", ReportReady{2, "http://h:2"});
  const auto row = rows.row("deployment", "serve");
  CHECK(text(row, "number") == "2");
  CHECK(text(row, "lora_enabled") == "false");
  CHECK(text(row, "details") == R"({"config":"c","config_version":2})");
  REQUIRE(row.find("versions")->array()->size() == 1);
  const auto& before = row.find("versions")->array()->at(0);
  CHECK(text(before, "number") == "1");
  CHECK(text(before, "lora_enabled") == "true");
  CHECK(text(before, "details") == R"({"config":"c","config_version":1})");
  std::vector<std::string> statuses;
  for (const auto& entry : *row.find("status_history")->array()) statuses.push_back(text(entry, "status"));
  CHECK(statuses == std::vector<std::string>{"CREATED", "PENDING", "PENDING", "PENDING", "READY", "PENDING", "PENDING", "READY"});
  CHECK(text(row, "ready_since") < text(row, "updated_at"));
}

TEST_CASE("a worker's row says whether it is there") {
  Rows rows;
  rows.told.workshop();
  const auto status = [&] { return text(rows.row("worker", "bench", "system"), "status"); };
  CHECK(status() == "present");
  CHECK(rows.row("worker", "bench", "system").find("devices")->array()->size() == 2);
  rows.told.must("bench", DrainWorker{}, "system");
  CHECK(status() == "draining");
  rows.told.must("bench", LoseWorker{"first", "lease"}, "system");
  CHECK(status() == "lost");
  CHECK(text(rows.row("worker", "bench", "system"), "reason") == "lease");
  rows.told.must("bench", hello("second"), "system");
  CHECK(status() == "present");
  CHECK(text(rows.row("worker", "bench", "system"), "lost_at") == "null");
}

TEST_CASE("a row carries the times, the version and the position of its entity") {
  Rows rows;
  rows.told.workshop();
  const auto row = rows.row("model", "smol");
  const auto created = rows.told.log.read_stream({"model", text(row, "id")}, 1, 1), filled = rows.told.log.read_stream({"model", text(row, "id")}, 2, 1);
  CHECK(text(row, "created_at") == format_time(created->front().time));
  CHECK(text(row, "updated_at") == format_time(filled->front().time));
  CHECK(text(row, "version") == "2");
  CHECK(text(row, "position") == std::to_string(filled->front().position));
}

}  // namespace luthier::projections
