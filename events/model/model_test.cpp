#include "events/json/value.hpp"
#include "events/world/story_test.hpp"

namespace luthier::events {
namespace {

// The result of an analysis and the job that shows it.
std::vector<std::string> with_job(const std::string& result) {
  return {result, "PlatformJobCreated", "PlatformStepCreated", "PlatformStepStatusSet", "PlatformJobStatusSet", "PlatformTaskPut",
          "PlatformStepStatusSet", "PlatformJobStatusSet"};
}

CreateAdapter adapter(const std::string& name, bool enabled = true) { return {name, "rows", "", enabled, LoraShape{8, 16}}; }

}  // namespace

TEST_CASE("a model names a fileset that exists, or none") {
  Story story = a_workshop();
  story.given("empty", CreateFileset{});
  story.when("m2", CreateModel{"missing", "", ""}).then_refused(ErrorCode::invalid, "data.fileset");
  story.when("m2", CreateModel{"empty", "", ""}).then({"ModelCreated"});
  story.when("m2", CreateModel{"", "", ""}).then({"ModelCreated"});
  story.when("m2", CreateModel{"not a name", "", ""}).then_refused(ErrorCode::invalid, "data.fileset");
  story.when("m2", CreateModel{"smol-files", "", "missing"}).then_refused(ErrorCode::invalid, "data.base_model");
  const auto outcome = story.when("m2", CreateModel{"default/smol-files", "", "smol"});
  outcome.then({"ModelCreated"});
  CHECK(outcome.event<ModelCreated>(0).fileset == "default/smol-files");
  CHECK(outcome.event<ModelCreated>(0).base_model == "default/smol");
  story.when("smol", CreateModel{"smol-files", "", ""}).then_refused(ErrorCode::conflict, "name");
}

TEST_CASE("a spec is of the files as they are now, or it is worthless") {
  Story story = a_workshop();
  auto fill = story.spec_of("smol");
  story.when("smol", fill).then_nothing();  // read again, the same
  story.given("smol-files", PutFile{"config.json", std::string(64, '1'), 5});
  story.when("smol", fill).then_refused(ErrorCode::conflict, "data.fileset_version");
  story.when("tune", story.start_job("capitals")).then_refused(ErrorCode::conflict, "data.model");
  fill = story.spec_of("smol");
  fill.error = "config.json: hidden_size: is required";
  story.given("smol", fill).then(with_job("ModelSpecFailed"));
  story.when("smol", fill).then_nothing();
  CHECK(story.model("smol").spec.text == "null");
  story.when("tune", story.start_job("capitals")).then_refused(ErrorCode::invalid, "data.model");
  fill.error.clear();
  story.given("smol", fill).then(with_job("ModelSpecFilled"));
  CHECK(story.model("smol").spec_error.empty());
  fill.spec.text = "{nonsense";
  story.when("smol", fill).then_refused(ErrorCode::invalid, "data.spec");
}

TEST_CASE("another fileset clears the spec, and waits until nobody serves or trains on the model") {
  Story story = a_ready_deployment();
  story.given("other", CreateFileset{"", "model", {file("model.gguf", 'e')}});
  story.when("smol", UpdateModel{"other", {}}).then_refused(ErrorCode::conflict, "data.fileset");
  story.when("smol", UpdateModel{"smol-files", {}}).then_nothing();
  story.when("smol", UpdateModel{{}, "better"}).then({"ModelUpdated"});
  story.given("serve", DeleteDeployment{});
  story.given("serve", ConfirmUndeployed{1});
  story.given("smol", UpdateModel{"other", {}}).then({"ModelUpdated"});
  CHECK(story.model("smol").spec.text == "null");
  CHECK(story.model("smol").spec_fileset_version == 0);
}

TEST_CASE("a model moves to an empty fileset only where the files are still to come") {
  Story story = a_workshop();
  story.given("empty", CreateFileset{});
  story.when("smol", UpdateModel{"empty", {}}).then_refused(ErrorCode::invalid, "data.fileset");
  story.given("empty", UpdateFileset{{}, {}, JsonText{R"({"import":{"state":"importing"}})"}});
  story.when("smol", UpdateModel{"empty", {}}).then({"ModelUpdated"});
  story.given("empty", UpdateFileset{{}, {}, JsonText{R"({"import":{"state":"failed"}})"}});
  story.when("smol", UpdateModel{"empty", {}}).then_refused(ErrorCode::invalid, "data.fileset");
}

TEST_CASE("a model in use is not deleted; its adapters go with it") {
  Story story = a_running_job();
  story.when("smol", DeleteModel{}).then_refused(ErrorCode::conflict, "name");
  story.given("tune", Story::complete(1));
  story.given("smol", adapter("by-hand"));
  story.given("smol", DeleteModel{}).then({"AdapterDeleted", "AdapterDeleted", "ModelDeleted"});
  CHECK(story.world.adapter_models.empty());
  story.when("smol", DeleteModel{}).then_refused(ErrorCode::not_found, "name");
}

TEST_CASE("an adapter's name is unique in its workspace, over all models") {
  Story story = a_workshop();
  story.given("m2", CreateModel{"smol-files", "", ""});
  story.given("smol", adapter("capitals")).then({"AdapterCreated"});
  const auto outcome = story.when("m2", adapter("capitals"));
  outcome.then_refused(ErrorCode::conflict, "data.adapter");
  CHECK(outcome.message() == "adapter default/capitals already exists, of model smol");
  story.when("m2", adapter("Bad")).then_refused(ErrorCode::invalid, "data.adapter");
  story.when("nope", adapter("a1")).then_refused(ErrorCode::not_found, "name");
  story.limits.adapters_per_model_max = 1;
  story.when("smol", adapter("second")).then_refused(ErrorCode::limit, "data.adapter");
  story.when("m2", adapter("second")).then({"AdapterCreated"});
}

TEST_CASE("an adapter's shape comes from the check that has read its files") {
  Story story = a_workshop();
  auto create = adapter("hand");
  create.lora.reset();
  story.when("smol", create).then_refused(ErrorCode::internal, "data.lora");
  create.lora = LoraShape{0, 1};
  story.when("smol", create).then_refused(ErrorCode::invalid, "data.lora.rank");
  create.fileset = "missing";
  story.when("smol", create).then_refused(ErrorCode::invalid, "data.fileset");
}

TEST_CASE("an adapter is switched on and off, and doing so twice changes nothing") {
  Story story = a_workshop();
  story.given("smol", adapter("hand"));
  story.when("smol", EnableAdapter{"hand"}).then_nothing();
  story.given("smol", DisableAdapter{"hand"}).then({"AdapterDisabled"});
  story.when("smol", DisableAdapter{"hand"}).then_nothing();
  CHECK_FALSE(story.model("smol").adapters.at("hand").enabled);
  story.given("smol", EnableAdapter{"hand"}).then({"AdapterEnabled"});
  story.when("smol", EnableAdapter{"nope"}).then_refused(ErrorCode::not_found, "data.adapter");
}

TEST_CASE("new content of an adapter has a new key") {
  Story story = a_workshop();
  story.given("smol", adapter("hand"));
  const auto key = [&] { return story.model("smol").adapters.at("hand").key(); };
  const std::string before = key();
  CHECK(before == story.fileset("rows").id + "@2");
  story.when("smol", UpdateAdapter{"hand", "rows", {}, LoraShape{8, 16}}).then_nothing();
  story.given("rows", PutFile{"more", std::string(64, '9'), 1});
  CHECK(key() == before);
  story.given("smol", UpdateAdapter{"hand", "rows", {}, LoraShape{4, 16}}).then({"AdapterUpdated"});
  CHECK(key() == story.fileset("rows").id + "@3");
  CHECK(story.model("smol").adapters.at("hand").lora.rank == 4);
  story.when("smol", UpdateAdapter{"hand", "rows", {}, {}}).then_refused(ErrorCode::internal, "data.lora");
  story.when("smol", UpdateAdapter{"hand", {}, {}, LoraShape{4, 16}}).then_refused(ErrorCode::invalid, "data.lora");
  story.when("smol", UpdateAdapter{"hand", {}, "described", {}}).then({"AdapterUpdated"});
}

TEST_CASE("a name that a job will give to its output is taken") {
  Story story = a_running_job();
  story.when("smol", adapter("capitals")).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("capitals", CreateModel{"smol-files", "", ""}).then({"ModelCreated"});
  story.given("full", story.start_job("whole", "full"));
  story.when("whole", CreateModel{"smol-files", "", ""}).then_refused(ErrorCode::conflict, "name");
  story.when("smol", adapter("whole")).then({"AdapterCreated"});
}

TEST_CASE("a name that is used again gets a new id and starts from version 1") {
  Story story = a_workshop();
  const std::string before = story.model("smol").id;
  story.given("smol", DeleteModel{});
  story.given("smol", CreateModel{"smol-files", "", ""});
  CHECK(story.model("smol").id != before);
  CHECK(story.model("smol").version == 1);
}

TEST_CASE("one update changes and switches an adapter") {
  Story story = a_workshop();
  story.given("smol", adapter("hand"));
  UpdateAdapter update{"hand", {}, "described", {}, false};
  story.given("smol", update).then({"AdapterUpdated", "AdapterDisabled"});
  story.when("smol", update).then_nothing();
  story.given("smol", UpdateAdapter{"hand", {}, {}, {}, true}).then({"AdapterEnabled"});
  CHECK(story.model("smol").adapters.at("hand").description == "described");
  const auto refused = story.when("smol", UpdateAdapter{"nope", {}, {}, {}, true});
  refused.then_refused(ErrorCode::not_found, "data.adapter");
  CHECK(refused.message() == "adapter nope of model default/smol not found");
}

TEST_CASE("an adapter may live in another workspace than its model, and its name is unique there") {
  Story story = a_workshop();
  story.given_in("system", "lab", CreateWorkspace{});
  story.given("smol", adapter("hand"));
  auto foreign = adapter("lab/hand");
  foreign.fileset = "default/rows";
  story.given("smol", foreign).then({"AdapterCreated"});
  const auto& adapters = story.model("smol").adapters;
  CHECK(adapters.at("lab/hand").workspace == "lab");
  CHECK(adapters.at("lab/hand").name == "hand");
  CHECK(adapters.at("hand").workspace == "default");
  CHECK(story.world.adapter_models.at({"lab", "hand"}) == "default/smol");
  CHECK(story.world.adapter_models.at({"default", "hand"}) == "smol");
  CHECK(story.world.entity_counts.at({"adapter", "lab"}) == 1);
  CHECK(served_name("default", "lab/hand") == "lab--hand");
  story.when("smol", foreign).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("smol", adapter("default/hand")).then_refused(ErrorCode::conflict, "data.adapter");
  story.when("smol", adapter("nowhere/hand")).then_refused(ErrorCode::invalid, "data.adapter");
  story.when("smol", adapter("lab/a/b")).then_refused(ErrorCode::invalid, "data.adapter");
  story.given("smol", UpdateAdapter{"lab/hand", {}, {}, {}, false}).then({"AdapterDisabled"});
  CHECK(adapters.at("hand").enabled);
  story.given("smol", DeleteAdapter{"lab/hand"}).then({"AdapterDeleted"});
  CHECK_FALSE(story.world.adapter_models.contains({"lab", "hand"}));
  CHECK_FALSE(story.world.entity_counts.contains({"adapter", "lab"}));
}

TEST_CASE("a model without a checkpoint has nothing that an adapter could be checked against") {
  Story story = a_workshop();
  story.given("remote", CreateModel{"", "", ""});
  auto create = adapter("hand");
  create.lora.reset();
  story.given("remote", create).then({"AdapterCreated"});
  CHECK(story.model("remote").adapters.at("hand").lora.rank == 0);
  create = adapter("arm");
  create.lora = LoraShape{0, 1};
  story.when("remote", create).then_refused(ErrorCode::invalid, "data.lora.rank");
  create.lora = LoraShape{4, 8};
  create.finetuning_type = "qlora";
  CHECK(story.given("remote", create).event<AdapterCreated>(0).finetuning_type == "qlora");
  create.adapter = "leg";
  create.finetuning_type = "magic";
  story.when("remote", create).then_refused(ErrorCode::invalid, "data.finetuning_type");
}

TEST_CASE("members of the details are replaced as a whole") {
  Story story = a_workshop();
  story.given("m2", CreateModel{"", "", "", {R"({"custom_fields":{"a":1,"b":null},"backend_format":"OPENAI_CHAT"})"}}).then({"ModelCreated", "ModelDetailsSet"});
  CHECK(story.model("m2").details.text == R"({"custom_fields":{"a":1,"b":null},"backend_format":"OPENAI_CHAT"})");
  UpdateModel update;
  update.replace = JsonText{R"({"custom_fields":{"c":null},"backend_format":null})"};
  story.given("m2", update).then({"ModelDetailsSet"});
  CHECK(story.model("m2").details.text == R"({"custom_fields":{"c":null}})");
  story.when("m2", update).then_nothing();
  update.replace = JsonText{"[]"};
  story.when("m2", update).then_refused(ErrorCode::invalid, "data.details");
}

TEST_CASE("a spec is completed with what only the entities know") {
  Story story = a_workshop();
  CreateFileset files{"", "model", {file("model.gguf", 'f')}};
  files.details = JsonText{R"({"storage":{"type":"huggingface","repo_id":"org/Text-EMBED-1"},
                               "metadata":{"model":{"tool_calling":{"chat_template":"{{ x }}","tool_call_parser":"hermes"}}}})"};
  story.given("embedder", files);
  story.given("m2", CreateModel{"embedder", "", "", {R"({"spec":{"chat_template":"mine","tool_call_config":{"auto_tool_choice":true}}})"}});
  const auto filled = story.given("m2", story.spec_of("m2"));
  filled.then(with_job("ModelSpecFilled"));
  const auto spec = *json::parse(filled.event<ModelSpecFilled>(0).spec.text);
  CHECK(std::get<bool>(spec.find("is_embedding_model")->held));
  CHECK(*spec.find("chat_template")->text() == "{{ x }}");
  CHECK(*spec.find("tool_call_config")->find("tool_call_parser")->text() == "hermes");
  CHECK(spec.find("tool_call_config")->find("tool_call_plugin")->is_null());
  story.when("m2", story.spec_of("m2")).then_nothing();

  story.given("m3", CreateModel{"smol-files", "", "", {R"({"spec":{"chat_template":"mine"}})"}});
  const auto other = story.given("m3", story.spec_of("m3"));
  const auto plain = *json::parse(other.event<ModelSpecFilled>(0).spec.text);
  CHECK_FALSE(std::get<bool>(plain.find("is_embedding_model")->held));
  CHECK(*plain.find("chat_template")->text() == "mine");
  CHECK_FALSE(plain.find("tool_call_config"));
}

TEST_CASE("a checkpoint that says how it pools is an embedding model whatever its name") {
  Story story = a_workshop();
  story.given("m2", CreateModel{"smol-files", "", ""});
  auto fill = story.spec_of("m2");
  fill.spec.text = R"({"family":"llama","pooling":"mean"})";
  const auto spec = *json::parse(story.given("m2", fill).event<ModelSpecFilled>(0).spec.text);
  CHECK(std::get<bool>(spec.find("is_embedding_model")->held));
}

TEST_CASE("an analysis is a job that has ended, and one that says nothing new is none") {
  Story story = a_workshop();
  story.given("m2", CreateModel{"smol-files", "", ""});
  auto fill = story.spec_of("m2");
  fill.spec.text = R"({"family":"llama","num_layers":2,"base_num_parameters":1234,"precision":"bfloat16"})";
  const auto good = story.given("m2", fill);
  const auto& created = good.event<PlatformJobCreated>(1);
  CHECK(created.source == "models-system");
  CHECK(created.steps == std::vector<std::string>{"model-spec-analysis"});
  CHECK(created.spec.text == R"({"fileset":"default/smol-files","model":"default/m2"})");
  CHECK(created.description == "Analysis of the checkpoint of model default/m2 in fileset default/smol-files, 1 file");
  CHECK(good.event<PlatformTaskPut>(5).status_details->text == R"({"message":"llama, 2 layers, 1234 parameters in bfloat16"})");
  CHECK(good.event<PlatformStepStatusSet>(6).status == "completed");
  CHECK(good.event<PlatformJobStatusSet>(7).status == "completed");
  const std::string name = good.facts()[1].name;
  CHECK(name.starts_with("models-system-"));
  CHECK(story.world.platform_jobs.at({"default", name}).status == StepStatus::completed);

  story.given("smol-files", PutFile{"README.md", std::string(64, '1'), 5});
  fill = story.spec_of("m2");
  story.given("m2", fill).then({"ModelSpecFilled"});
  story.given("smol-files", PutFile{"README.md", std::string(64, '2'), 5});
  fill = story.spec_of("m2");
  fill.error = "no config.json";
  const auto bad = story.given("m2", fill);
  bad.then(with_job("ModelSpecFailed"));
  CHECK(bad.event<PlatformStepStatusSet>(6).error_details->text == R"({"message":"no config.json"})");
  CHECK(bad.event<PlatformJobStatusSet>(7).error_details->text == R"({"message":"no config.json"})");
  story.given("smol-files", PutFile{"README.md", std::string(64, '3'), 5});
  fill = story.spec_of("m2");
  fill.error = "no config.json";
  story.given("m2", fill).then({"ModelSpecFailed"});

  story.given(name, DeletePlatformJob{}).then({"PlatformJobDeleted"});
  story.given("other", CreateFileset{"", "model", {file("model.gguf", 'e')}});
  story.given("m2", UpdateModel{"other", {}});
  story.given("m2", story.spec_of("m2")).then(with_job("ModelSpecFilled"));
  story.limits.entities_per_workspace_max = 2 * story.world.platform_jobs.size();
  story.given("m3", CreateModel{"other", "", ""});
  story.given("m3", story.spec_of("m3")).then({"ModelSpecFilled"});
}

}  // namespace luthier::events
