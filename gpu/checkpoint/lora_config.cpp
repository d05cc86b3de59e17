#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "events/base/file.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/lora_config.hpp"
#include "gpu/checkpoint/lora_limits.hpp"
#include "gpu/checkpoint/lora_selection.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

constexpr std::size_t lora_config_bytes_max = std::size_t{1} << 20;
constexpr std::size_t exceptions_max = 10'000, layers_listed_max = 100'000;

struct Refusal {
  const char *member, *why;
};

// Members that would change what the adapter computes. null, false, empty and "none" all mean that it is not used.
constexpr std::array<Refusal, 12> refusals{{
    {"modules_to_save", "modules that are saved in full are not supported; only LoRA tensors are"},
    {"fan_in_fan_out", "transposed layers are not supported; it must be false"},
    {"lora_bias", "a bias beside lora_B is not supported; it must be false"},
    {"bias", "trained biases are not supported; it must be none"},
    {"use_qalora", "QALoRA is not supported; LoRA, rsLoRA and DoRA are"},
    {"use_bdlora", "block-diagonal LoRA is not supported; LoRA, rsLoRA and DoRA are"},
    {"trainable_token_indices", "trained tokens are not supported; only LoRA tensors are"},
    {"layer_replication", "replicated layers are not supported"},
    {"alora_invocation_tokens", "activated LoRA is not supported"},
    {"arrow_config", "Arrow routing is not supported"},
    {"kasa_config", "KaSA is not supported"},
    {"velora_config", "VeLoRA is not supported"},
}};

bool is_unused(const nlohmann::json& value) {
  return value.is_null() || value == false || value == "none" || ((value.is_array() || value.is_object()) && value.empty());
}

void refuse_variants(Members& config) {
  if (const auto type = config.text("peft_type"); config.ok() && type != "LORA")
    config.refuse("peft_type", printable(type) + " is not supported; LORA is");
  for (const auto& [member, why] : refusals)
    if (const auto* value = config.find(member); value && !is_unused(*value)) config.refuse(member, why);
  // These change the base model's weights before the adapter is added, and the file does not say to what.
  const auto* init = config.find("init_lora_weights");
  if (init && !init->is_boolean() && *init != "gaussian" && *init != "eva" && *init != "orthogonal")
    config.refuse("init_lora_weights", (init->is_string() ? printable(init->get<std::string>()) : std::string("this")) +
                                           " changes the base model and is not supported; convert the adapter to plain LoRA");
}

// A list of names, or one string that is a regular expression.
void read_names(Members& config, const std::string& key, std::vector<std::string>& names, std::string& pattern) {
  const auto* value = config.find(key);
  if (value && value->is_string()) pattern = value->get<std::string>();
  else names = config.texts(key);
}

void read_layers(Members& config, LoraConfig& lora) {
  if (const auto* layers = config.find("layers_to_transform"); layers && layers->size() > layers_listed_max)
    return config.refuse("layers_to_transform", "lists more layers than any model has");
  lora.layers_to_transform = config.integers("layers_to_transform", 0, layers_max);
  const auto* pattern = config.find("layers_pattern");
  if (pattern && !is_unused(*pattern) && *pattern != "layers" && *pattern != nlohmann::json{"layers"})
    config.refuse("layers_pattern", "other than layers is not supported");
}

// The file's order counts here, which a sorted object has lost; `text` is parsed again for it. Inserting into an ordered
// object takes as many steps as it has members: hence the bound.
Result<void> read_exceptions(const std::string& text, Members& config, LoraConfig& lora) {
  for (const std::string key : {"rank_pattern", "alpha_pattern"}) {
    const auto* value = config.find(key);
    if (value && (!value->is_object() || value->size() > exceptions_max))
      config.refuse(key, "is not an object of at most " + std::to_string(exceptions_max) + " members");
  }
  if (!config.ok()) return config.error();
  if (!config.has("rank_pattern") && !config.has("alpha_pattern")) return {};
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> order;  // (rank_pattern or alpha_pattern, its member)
  [[maybe_unused]] const auto again = nlohmann::json::parse(text, [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event != nlohmann::json::parse_event_t::key) return true;
    path.resize(static_cast<std::size_t>(depth));
    path.back() = parsed.get<std::string>();
    if (depth == 2 && (path[0] == "rank_pattern" || path[0] == "alpha_pattern")) order.emplace_back(path[0], path[1]);
    return true;
  });
  for (const auto& [member, key] : order) {
    const auto* object = config.find(member);
    if (!object || !object->contains(key)) continue;
    Members values(*object, config.place() + ": " + member);
    if (member == "rank_pattern") lora.rank_pattern.emplace_back(key, values.integer(key, 1, lora_rank_max));
    else lora.alpha_pattern.emplace_back(key, values.number(key, -lora_alpha_max, lora_alpha_max));
    if (!values.ok()) return values.error();
  }
  return {};
}

}  // namespace

Result<LoraConfig> read_lora_config(const std::filesystem::path& path) {
  const auto text = read_text(path, lora_config_bytes_max);
  if (!text) return text.error();
  const auto object = parse_object(*text, path.string());
  if (!object) return object.error();
  Members config(*object, path.string());
  refuse_variants(config);
  LoraConfig lora;
  lora.r = config.integer("r", 1, lora_rank_max, 8);
  lora.alpha = config.number("lora_alpha", -lora_alpha_max, lora_alpha_max, 8);
  lora.dropout = config.number("lora_dropout", 0, 1, 0);
  lora.use_rslora = config.boolean("use_rslora", false);
  lora.use_dora = config.boolean("use_dora", false);
  lora.base_model_name_or_path = config.text("base_model_name_or_path", "");
  read_names(config, "target_modules", lora.target_modules, lora.target_pattern);
  lora.target_parameters = config.texts("target_parameters");
  lora.has_default_targets = !config.has("target_modules");
  read_names(config, "exclude_modules", lora.exclude_modules, lora.exclude_pattern);
  read_layers(config, lora);
  if (auto read = read_exceptions(*text, config, lora); !read) return read.error();
  return lora;
}

namespace {

// The last part of each name, once. An encoder's "dense" would also mean layers that are not adapted: these are named in full.
nlohmann::ordered_json names_of(const std::vector<LoraModule>& modules) {
  std::vector<std::string> names;
  for (const auto& module : modules) {
    if (!module.parameter.empty()) continue;
    const auto last = module.name.substr(module.name.rfind('.') + 1);
    if (last == "router" || last == "gate") continue;  // target_parameters has named it
    const auto name = module.name.find("encoder.layer.") == std::string::npos ? last : module.name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace

nlohmann::ordered_json lora_config_json(const LoraConfig& lora, const std::vector<LoraModule>& modules) {
  using Json = nlohmann::ordered_json;
  const auto names = [](const std::vector<std::string>& list, const std::string& pattern) {
    return !pattern.empty() ? Json(pattern) : list.empty() ? Json() : Json(list);
  };
  Json config = {
      {"peft_type", "LORA"},
      {"task_type", "CAUSAL_LM"},
      {"base_model_name_or_path", lora.base_model_name_or_path.empty() ? Json() : Json(lora.base_model_name_or_path)},
      {"revision", nullptr},
      {"inference_mode", true},
      {"r", lora.r},
      {"lora_alpha", lora.alpha},
      {"lora_dropout", lora.dropout},
      {"use_rslora", lora.use_rslora},
      {"use_dora", lora.use_dora},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"init_lora_weights", true},
      {"modules_to_save", nullptr},
      {"target_modules", names(lora.target_modules, lora.target_pattern)},
      {"target_parameters", lora.target_parameters.empty() ? Json() : Json(lora.target_parameters)},
      {"exclude_modules", names(lora.exclude_modules, lora.exclude_pattern)},
      {"layers_to_transform", lora.layers_to_transform.empty() ? Json() : Json(lora.layers_to_transform)},
      {"layers_pattern", nullptr},
      {"rank_pattern", Json::object()},
      {"alpha_pattern", Json::object()},
  };
  if (is_all_linear(lora)) config["target_modules"] = names_of(modules);
  // An integer where it is one: readers differ in what they take.
  if (lora.alpha == std::floor(lora.alpha)) config["lora_alpha"] = static_cast<std::int64_t>(lora.alpha);
  for (const auto& [key, r] : lora.rank_pattern) config["rank_pattern"][key] = r;
  for (const auto& [key, alpha] : lora.alpha_pattern) config["alpha_pattern"][key] = alpha;
  return config;
}

}  // namespace luthier::checkpoint
