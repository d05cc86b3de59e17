#include "actors/api/model_documents.hpp"

#include <catch2/catch.hpp>

#include "actors/api/model_list.hpp"
#include "actors/api/model_spec.hpp"

namespace luthier::api {
namespace {

using rest::Json;

// A row as the read models have it, with some members changed.
Json model_row(const Json& changes = Json::object()) {
  Json row = {{"id", "model-1"}, {"workspace", "default"}, {"name", "smol"}, {"created_at", "2026-01-02T03:04:05.000006Z"},
              {"updated_at", "2026-01-02T03:04:06.000000Z"}, {"version", 3}, {"position", 9}, {"description", ""}, {"fileset", "default/files"},
              {"base_model", ""}, {"created_by_job", ""}, {"finetuning_type", nullptr}, {"details", Json::object()}, {"spec_is_given", false},
              {"spec_error", ""}, {"spec", nullptr}, {"providers", Json::array()}, {"adapters", Json::array()}};
  row.update(changes);
  return row;
}

Json adapter_row(const std::string& name, const Json& changes = Json::object()) {
  Json row = {{"id", "adapter-1"}, {"workspace", "default"}, {"name", name}, {"created_at", "2026-01-02T03:04:05.000006Z"},
              {"updated_at", "2026-01-02T03:04:05.000006Z"}, {"version", 4}, {"position", 10}, {"description", "by hand"}, {"model", "default/smol"},
              {"fileset", "default/weights"}, {"fileset_id", "fileset-1"}, {"fileset_version", 2}, {"finetuning_type", "lora"}, {"enabled", true},
              {"lora", {{"rank", 8}, {"alpha", 16.0}}}, {"created_by_job", ""}, {"served_name", "default--" + name}};
  row.update(changes);
  return row;
}

const Json read_spec = {{"family", "llama"}, {"num_layers", 2}, {"gated_mlp", true}, {"context_size", 512}, {"linear_layers", {{{"name", "q"}}}},
                        {"head_dim", 16}, {"is_embedding_model", true}, {"chat_template", "{{ x }}"}};

Json shown(const Json& row) { return render_model(row, Verbosity::usual); }

bool holds(const Json& filter, const Json& row) {
  const auto compiled = rest::filter_of(filter, model_filter());
  const auto* refusal = std::get_if<rest::Answer>(&compiled);
  INFO((refusal ? refusal->body : ""));
  REQUIRE_FALSE(refusal);
  return std::get<rest::Filter>(compiled).matches(shown(row), &adapters_of_models());
}

}  // namespace

TEST_CASE("a model that nothing is known of shows every member") {
  CHECK(rest::dump(shown(model_row())) ==
        R"({"id":"model-1","name":"smol","workspace":"default","project":null,"description":null,"spec":null,"finetuning_type":null,)"
        R"("fileset":"default/files","base_model":null,"api_endpoint":null,"backend_format":null,"prompt":null,"custom_fields":{},"ownership":null,)"
        R"("model_providers":[],"trust_remote_code":false,"adapters":[],"created_at":"2026-01-02T03:04:05.000006","updated_at":"2026-01-02T03:04:06.000000"})");
}

TEST_CASE("a model shows what its users keep with it") {
  const auto model = shown(model_row({{"details", {{"project", "p"}, {"custom_fields", {{"a", nullptr}}}, {"base_model", "default/base"},
                                                   {"finetuning_type", "dpo"}, {"model_providers", {"default/a"}}, {"backend_format", "OPENAI_CHAT"}}},
                                      {"providers", {"default/a", "default/serve"}}, {"finetuning_type", "all_weights"}, {"base_model", "default/other"}}));
  CHECK(model["project"] == "p");
  CHECK(model["custom_fields"] == Json::parse(R"({"a":null})"));
  CHECK(model["base_model"] == "default/base");
  CHECK(model["finetuning_type"] == "dpo");
  CHECK(model["model_providers"] == Json::parse(R"(["default/a","default/serve"])"));
  CHECK(model["backend_format"] == "OPENAI_CHAT");
  CHECK(shown(model_row({{"finetuning_type", "all_weights"}, {"base_model", "default/other"}}))["finetuning_type"] == "all_weights");
}

TEST_CASE("the spec that was read has the contract's members, and its layers only when asked for") {
  const auto usual = shown_spec(read_spec, SpecSource::read, false);
  CHECK(usual.size() == 24);
  CHECK(usual["family"] == "llama");
  CHECK(usual["chat_template"] == "{{ x }}");
  CHECK(usual["is_embedding_model"] == true);
  for (const auto* null : {"linear_layers", "context_size", "num_virtual_tokens", "moe_config", "minimum_gpus_lora", "minimum_gpus_all_weights"}) {
    REQUIRE(usual.contains(null));
    CHECK(usual[null].is_null());
  }
  CHECK_FALSE(usual.contains("head_dim"));
  CHECK(shown_spec(read_spec, SpecSource::read, true)["linear_layers"][0]["name"] == "q");
  CHECK(shown_spec(nullptr, SpecSource::read, true).is_null());
}

TEST_CASE("a caller's spec comes back as it was given until a reading takes its place") {
  const Json given = {{"family", "mine"}, {"context_size", 4096}, {"of_my_own", 1}};
  const auto details = Json{{"spec", given}};
  auto spec = shown(model_row({{"details", details}}))["spec"];
  CHECK(spec["family"] == "mine");
  CHECK(spec["context_size"] == 4096);
  CHECK(spec["of_my_own"] == 1);
  CHECK(spec["is_embedding_model"] == false);
  CHECK(shown(model_row({{"details", details}, {"spec", read_spec}}))["spec"]["family"] == "llama");
  CHECK(shown(model_row({{"details", details}, {"spec", read_spec}, {"spec_is_given", true}}))["spec"]["family"] == "mine");
}

TEST_CASE("a model that cannot be used says why") {
  CHECK_FALSE(shown(model_row()).contains("spec_error"));
  CHECK(shown(model_row({{"spec_error", "config.json is missing"}}))["spec_error"] == "config.json is missing");
  const auto unsupported = shown(model_row({{"spec", {{"family", "qwen2"}, {"unsupported", "family qwen2 is not supported"}}}}));
  CHECK(unsupported["spec_error"] == "family qwen2 is not supported");
  CHECK(unsupported["spec"]["family"] == "qwen2");
  CHECK_FALSE(unsupported["spec"].contains("unsupported"));
}

TEST_CASE("an adapter shows the contract's members and no id") {
  CHECK(rest::dump(render_adapter(adapter_row("hand"))) ==
        R"({"name":"hand","workspace":"default","description":"by hand","fileset":"default/weights","finetuning_type":"lora","enabled":true,)"
        R"("lora_config":{"rank":8,"alpha":16},"model":"default/smol","created_at":"2026-01-02T03:04:05.000006","updated_at":"2026-01-02T03:04:05.000006"})");
  CHECK(render_adapter(adapter_row("hand", {{"lora", {{"rank", 0}, {"alpha", 0.0}}}}))["lora_config"].is_null());
  CHECK(render_adapter(adapter_row("hand", {{"lora", {{"rank", 4}, {"alpha", 0.5}}}}))["lora_config"]["alpha"] == 0.5);
}

TEST_CASE("models are found by what they have") {
  const auto plain = model_row();
  const auto derived = model_row({{"details", {{"base_model", "default/smol"}, {"finetuning_type", "all_weights"}}}});
  const auto adapted = model_row({{"adapters", {adapter_row("hand"), adapter_row("arm", {{"finetuning_type", "qlora"}})}}});
  const auto prompted = model_row({{"details", {{"prompt", {{"system_prompt", "Be brief."}}}}}});
  struct Case {
    Json filter;
    bool plain, derived, adapted, prompted;
  };
  const std::vector<Case> cases = {
      {{{"adapters", {{"$exists", true}}}}, false, false, true, false},
      {{{"adapters", true}}, false, false, true, false},
      {{{"adapters", "false"}}, true, true, false, true},
      {{{"adapters", {{"finetuning_type", "qlora"}}}}, false, false, true, false},
      {{{"adapters", {{"finetuning_type", "dora"}}}}, false, false, false, false},
      {{{"base_model", true}}, false, true, false, false},
      {{{"base_model", false}}, true, false, true, true},
      {{{"base_model", "default/smol"}}, false, true, false, false},
      {{{"base_model", {{"name", "default/smol"}}}}, false, true, false, false},
      {{{"finetuning_type", "all_weights"}}, false, true, false, false},
      {{{"finetuning_type", "true"}}, false, true, false, false},
      {{{"prompt", true}}, false, false, false, true},
      {{{"fileset", "default/files"}}, true, true, true, true},
      {{{"data.base_model", {{"$not", {{"$eq", nullptr}}}}}}, false, true, false, false},
      {Json::parse(R"({"$or":[{"data.base_model":{"$not":{"$eq":null}}},{"adapters":{"$exists":true}}]})"), false, true, true, false},
      {Json::parse(R"({"name":{"$like":"smo"},"adapters":{"finetuning_type":"lora"}})"), false, false, true, false},
  };
  for (const auto& each : cases) {
    INFO(each.filter.dump());
    CHECK(holds(each.filter, plain) == each.plain);
    CHECK(holds(each.filter, derived) == each.derived);
    CHECK(holds(each.filter, adapted) == each.adapted);
    CHECK(holds(each.filter, prompted) == each.prompted);
  }
}

TEST_CASE("lora_enabled stands at the top level alone, and unknown fields are refused") {
  for (const auto* filter : {R"({"$or":[{"lora_enabled":true},{"name":"x"}]})", R"({"$not":{"lora_enabled":true}})", R"({"magic":1})"}) {
    const auto compiled = rest::filter_of(Json::parse(filter), model_filter());
    const auto* refusal = std::get_if<rest::Answer>(&compiled);
    REQUIRE(refusal);
    CHECK(refusal->status == 400);
  }
  const auto compiled = rest::filter_of(Json::parse(R"({"lora_enabled":true,"name":"smol"})"), model_filter());
  REQUIRE(std::holds_alternative<rest::Filter>(compiled));
  CHECK(std::get<rest::Filter>(compiled).equals_flag("lora_enabled") == true);
}

TEST_CASE("a spec of a request is an object whose members have the right kinds") {
  const auto problems = [](const char* text) { return rest::validate(given_spec_schema(), Json::parse(text)).problems.size(); };
  CHECK(problems(R"({"family":"llama","num_layers":2,"moe_config":null,"of_my_own":[1]})") == 0);
  CHECK(problems(R"("text")") == 1);
  CHECK(problems(R"({"num_layers":"many"})") == 1);
  CHECK(problems(R"({"tool_call_config":{"tool_call_parser":"hermes","auto_tool_choice":true}})") == 0);
}

}  // namespace luthier::api
