#include "actors/core/preparer_actor.hpp"

#include "actors/core/world_builder_test.hpp"

using namespace luthier;
using namespace luthier::core;
using namespace luthier::core::testing;

namespace {

void has_submitted(WorldBuilder& b, const std::string& name, const std::string& details = "{}", const std::string& preparation = "{}") {
  SubmitJob submit;
  submit.model = "smol";
  submit.dataset = "rows";
  submit.output = "out-" + name;
  submit.config.text = R"({"method":"lora","lora":{"r":8,"alpha":16}})";
  submit.details.text = details;
  submit.preparation.text = preparation;
  b.does("job", name, submit);
}

PrepareJob prepared(const WorldBuilder& b) {
  JobInputs inputs;
  inputs.model_id = b.world.models.at({"default", "smol"}).id;
  inputs.model_fileset_id = b.world.filesets.at({"default", "smol-files"}).id;
  inputs.dataset_fileset_id = b.world.filesets.at({"default", "rows"}).id;
  inputs.steps = 10;
  inputs.memory_bytes = 1000;
  return {{R"({"method":"lora","lora":{"r":8,"alpha":16}})"}, inputs};
}

std::string why_not_yet(const WorldBuilder& b, const std::string& job) {
  const auto gathered = gather_preparation(b.world, b.job(job));
  const auto* not_yet = std::get_if<NotYet>(&gathered);
  return not_yet ? not_yet->why : "";
}

std::string why_never(const WorldBuilder& b, const std::string& job) {
  const auto gathered = gather_preparation(b.world, b.job(job));
  const auto* never = std::get_if<Never>(&gathered);
  return never ? never->why : "";
}

}  // namespace

TEST_CASE("a submitted job is prepared with its files once its model is analysed") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  has_submitted(b, "one");
  const auto gathered = gather_preparation(b.world, b.job("one"));
  const auto* preparation = std::get_if<Preparation>(&gathered);
  REQUIRE(preparation);
  CHECK(preparation->model_files.size() == 1);
  CHECK(preparation->dataset_files.size() == 1);
  CHECK(preparation->devices.size() == 1);
  CHECK_FALSE(preparation->has_validation_fileset);

  b.does("fileset", "smol-files", PutFile{"more", std::string(64, 'b'), 1});
  CHECK(why_not_yet(b, "one").find("not analysed yet") != std::string::npos);
  const auto& fileset = b.world.filesets.at({"default", "smol-files"});
  b.does("model", "smol", FillModelSpec{fileset.id, fileset.content_version, {}, "config.json is missing"});
  CHECK(why_never(b, "one").find("config.json is missing") != std::string::npos);
}

TEST_CASE("a distillation is prepared with its teacher's files, once they are analysed, and its task has them") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  b.does("fileset", "big-files", CreateFileset{"", "model", {{"config.json", std::string(64, 'e'), 7}}});
  b.does("model", "big", CreateModel{"big-files", "", ""});
  SubmitJob submit;
  submit.model = "smol";
  submit.dataset = "rows";
  submit.output = "small";
  submit.teacher = "big";
  submit.config.text = R"({"distillation":{"mixing":0.5,"temperature":2.0},"method":"full"})";
  b.does("job", "one", submit);
  CHECK(why_not_yet(b, "one").find("model default/big") != std::string::npos);
  const auto& fileset = b.world.filesets.at({"default", "big-files"});
  b.does("model", "big", FillModelSpec{fileset.id, fileset.content_version, {R"({"family":"llama"})"}, ""});
  const auto gathered = gather_preparation(b.world, b.job("one"));
  const auto* preparation = std::get_if<Preparation>(&gathered);
  REQUIRE(preparation);
  REQUIRE(preparation->teacher);
  CHECK(preparation->teacher->files.size() == 1);
  auto command = prepared(b);
  command.config = submit.config;
  command.teacher = preparation->teacher;
  b.does("job", "one", command);
  REQUIRE(b.rests());
  const auto tasks = tasks_of(b.world, "east");
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].teacher_files == preparation->teacher->files);
}

TEST_CASE("a job waits while files are fetched, and ends when they cannot be") {
  WorldBuilder b;
  b.has_model();
  has_submitted(b, "one", "{}", R"({"validation":"default/adapter-files"})");
  b.does("fileset", "rows", UpdateFileset{{}, {}, JsonText{R"({"import":{"state":"importing"}})"}});
  CHECK(why_not_yet(b, "one").find("default/rows are being fetched") != std::string::npos);
  b.does("fileset", "rows", UpdateFileset{{}, {}, JsonText{R"({"import":{"state":"complete"}})"}});
  b.does("fileset", "adapter-files", UpdateFileset{{}, {}, JsonText{R"({"import":{"state":"failed","error":"no such repository"}})"}});
  CHECK(why_never(b, "one").find("no such repository") != std::string::npos);
  b.does("fileset", "adapter-files", UpdateFileset{{}, {}, JsonText{R"({"import":{"state":"cancelled"}})"}});
  CHECK(why_never(b, "one").find("create it anew") != std::string::npos);
  b.does("fileset", "adapter-files", UpdateFileset{{}, {}, JsonText{R"({"import":null})"}});
  const auto gathered = gather_preparation(b.world, b.job("one"));
  REQUIRE(std::holds_alternative<Preparation>(gathered));
  CHECK(std::get<Preparation>(gathered).validation_files.size() == 1);
}

TEST_CASE("a prepared job is placed; one that asks for more devices than there are waits with that reason") {
  WorldBuilder b;
  b.has_model();
  b.has_worker("east");
  has_submitted(b, "one");
  CHECK(b.jobs().empty());
  b.does("job", "one", prepared(b));
  has_submitted(b, "wide", R"({"devices":2})");
  b.does("job", "wide", prepared(b));
  REQUIRE(b.rests());
  CHECK(b.job("one").phase == JobPhase::placed);
  CHECK(b.job("wide").phase == JobPhase::queued);
  CHECK(why_waiting(b.view(), b.job("wide")) == "it asks for 2 devices, and 1 is there");
  b.has_worker("west");
  CHECK(why_waiting(b.view(), b.job("wide")).empty());
  REQUIRE(b.rests());
  CHECK(b.job("wide").worker == "west");
}
