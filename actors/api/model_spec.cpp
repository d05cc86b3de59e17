#include "actors/api/model_spec.hpp"

namespace luthier::api {

using namespace rest;

namespace {

enum class Shown {
  known,    // as the reading has it
  given,    // the reading knows it, yet the contract's analysis leaves it to callers
  verbose,
  hidden,   // always null in answers
};

struct Member {
  const char* name;
  Shown shown = Shown::known;
};

// In the contract's order.
constexpr Member members[] = {{"checkpoint_model_name"},
                              {"family"},
                              {"num_layers"},
                              {"hidden_size"},
                              {"num_attention_heads"},
                              {"num_kv_heads"},
                              {"ffn_hidden_size"},
                              {"vocab_size"},
                              {"tied_embeddings"},
                              {"gated_mlp"},
                              {"base_num_parameters"},
                              {"precision"},
                              {"is_chat"},
                              {"is_embedding_model"},
                              {"context_size", Shown::given},
                              {"num_virtual_tokens", Shown::given},
                              {"moe_config"},
                              {"mamba_config"},
                              {"sliding_window_config"},
                              {"linear_layers", Shown::verbose},
                              {"chat_template"},
                              {"tool_call_config"},
                              {"minimum_gpus_all_weights", Shown::hidden},
                              {"minimum_gpus_lora", Shown::hidden}};

bool is_shown(Shown shown, SpecSource source, bool verbose) {
  switch (shown) {
    case Shown::known: return true;
    case Shown::given: return source == SpecSource::given;
    case Shown::verbose: return verbose;
    case Shown::hidden: return false;
  }
  return false;
}

bool is_of_contract(std::string_view name) {
  for (const auto& member : members)
    if (name == member.name) return true;
  return false;
}

rest::Field whole_number(const char* name) { return maybe(name, integer().at_least(0).or_null()); }
rest::Field flag(const char* name) { return maybe(name, boolean().or_null()); }
rest::Field words(const char* name) { return maybe(name, text().or_null()); }

}  // namespace

Json shown_spec(const Json& spec, SpecSource source, bool verbose) {
  if (!spec.is_object()) return nullptr;
  Json shown = Json::object();
  for (const auto& member : members) {
    const auto* value = is_shown(member.shown, source, verbose) ? find_member(spec, member.name) : nullptr;
    append_member(shown, member.name, value ? *value : Json());
  }
  if (shown["is_embedding_model"].is_null()) shown["is_embedding_model"] = false;
  if (source == SpecSource::given)
    for (const auto& [name, value] : spec.items())
      if (!is_of_contract(name)) append_member(shown, name, value);
  return shown;
}

Schema given_spec_schema() {
  const auto tool_calls = object({maybe("tool_call_parser", text().length(0, 255).or_null()), maybe("tool_call_plugin", text().length(0, 255).or_null()),
                                  flag("auto_tool_choice")})
                              .extra(Extra::keep);
  const auto part = [] { return object({}).extra(Extra::keep).or_null(); };
  const auto layer = object({required("name", text()), required("in_features", integer()), required("out_features", integer())});
  return object({words("checkpoint_model_name"), words("family"), whole_number("num_layers"), whole_number("hidden_size"),
                 whole_number("num_attention_heads"), whole_number("num_kv_heads"), whole_number("ffn_hidden_size"), whole_number("vocab_size"),
                 flag("tied_embeddings"), flag("gated_mlp"), whole_number("base_num_parameters"), words("precision"), flag("is_chat"),
                 flag("is_embedding_model"), whole_number("context_size"), whole_number("num_virtual_tokens"), maybe("moe_config", part()),
                 maybe("mamba_config", part()), maybe("sliding_window_config", part()), maybe("linear_layers", list_of(layer).or_null()),
                 words("chat_template"), maybe("tool_call_config", tool_calls.or_null())})
      .extra(Extra::keep)
      .named("ModelSpec");
}

}  // namespace luthier::api
