// What the documents of models and adapters say beyond the rows' own stories.
#include "events/json/value.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::projections {
namespace {

using namespace events;

json::Value document(const StoryLog& told, const std::string& entity, const std::string& name, const std::string& workspace = "default") {
  const auto models = read_models_at(told.log, told.log.head().position);
  REQUIRE(models);
  const auto found = (*models)->get(entity, workspace, name);
  REQUIRE(found);
  REQUIRE(*found);
  return *json::parse(**found);
}

std::string text(const json::Value& value, std::string_view member) {
  const json::Value* found = value.find(member);
  REQUIRE(found);
  std::string out;
  json::append(out, *found);
  return out;
}

}  // namespace

TEST_CASE("a model's document has the spec that was read, or says that a caller's is newer") {
  StoryLog told;
  told.workshop();
  told.must("m2", CreateModel{"smol-files", "", "", {R"({"spec":{"family":"mine"}})"}});
  CHECK(text(document(told, "model", "m2"), "spec_is_given") == "true");
  CHECK(text(document(told, "model", "m2"), "spec") == "null");
  told.must("m2", told.story.spec_of("m2"));
  CHECK(text(document(told, "model", "m2"), "spec_is_given") == "false");
  CHECK(text(*document(told, "model", "m2").find("spec"), "family") == "\"llama\"");
  UpdateModel update;
  update.replace = JsonText{R"({"custom_fields":{"a":1}})"};
  told.must("m2", update);
  CHECK(text(document(told, "model", "m2"), "spec_is_given") == "false");
  update.replace = JsonText{R"({"spec":{"family":"other"}})"};
  told.must("m2", update);
  CHECK(text(document(told, "model", "m2"), "spec_is_given") == "true");
  auto failed = told.story.spec_of("smol");
  failed.error = "unreadable";
  told.must("smol", failed);
  CHECK(text(document(told, "model", "smol"), "spec") == "null");
  CHECK(text(document(told, "model", "smol"), "spec_error") == "\"unreadable\"");
}

TEST_CASE("an adapter of another workspace has its row there, and is in its model's document") {
  StoryLog told;
  told.workshop();
  told.must("lab", CreateWorkspace{}, "system");
  told.must("smol", CreateAdapter{"lab/hand", "default/rows", "", true, LoraShape{8, 16}});
  told.must("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{4, 8}});
  told.must("smol", DisableAdapter{"lab/hand"});
  const auto hand = document(told, "adapter", "hand", "lab");
  CHECK(text(hand, "workspace") == "\"lab\"");
  CHECK(text(hand, "model") == "\"default/smol\"");
  CHECK(text(hand, "served_name") == "\"lab--hand\"");
  CHECK(text(hand, "enabled") == "false");
  CHECK(text(document(told, "adapter", "hand"), "enabled") == "true");
  const auto model = document(told, "model", "smol");
  const auto& adapters = *model.find("adapters")->array();
  REQUIRE(adapters.size() == 2);
  CHECK(text(adapters[0], "workspace") == "\"default\"");
  CHECK(text(adapters[1], "workspace") == "\"lab\"");
  told.must("smol", DeleteModel{});
  CHECK_FALSE((*(*read_models_at(told.log, told.log.head().position))->get("adapter", "lab", "hand")).has_value());
}

TEST_CASE("a model that has lost its adapters, or has the name of one that had some, has none") {
  StoryLog told;
  told.workshop();
  const auto adapters = [&] { return document(told, "model", "smol").find("adapters")->array()->size(); };
  told.must("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{4, 8}});
  CHECK(adapters() == 1);
  told.must("smol", DeleteAdapter{"hand"});
  CHECK(adapters() == 0);
  told.must("smol", CreateAdapter{"foot", "rows", "", true, LoraShape{4, 8}});
  told.must("smol", DeleteModel{});
  told.must("smol", CreateModel{"smol-files", "", "", {}});
  CHECK(adapters() == 0);
  told.must("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{4, 8}});
  CHECK(adapters() == 1);
}

TEST_CASE("a model's document names who serves it now") {
  StoryLog told;
  told.workshop();
  const auto providers = [&] { return text(document(told, "model", "smol"), "providers"); };
  const auto provider = [](const std::string& models) { return JsonText{R"({"host_url":"http://elsewhere","served_models":)" + models + "}"}; };
  CHECK(providers() == "[]");
  told.must("serve", CreateDeployment{"smol", ""});
  CHECK(providers() == "[]");
  told.must("serve", SetDeploymentStatus{"READY", "", {}});
  CHECK(providers() == R"(["default/serve"])");
  told.must("provider::far", CreateRecord{"", provider(R"([{"model_entity_id":"default/smol","served_model_name":"x"},
                                                          {"model_entity_id":"default/smol&adapters/default/a","served_model_name":"y"}])")});
  CHECK(providers() == R"(["default/far","default/serve"])");
  UpdateRecord update;
  update.data = provider("[]");
  told.must("provider::far", update);
  CHECK(providers() == R"(["default/serve"])");
  told.must("serve", SetDeploymentStatus{"ERROR", "", {}});
  CHECK(providers() == "[]");
}

}  // namespace luthier::projections
