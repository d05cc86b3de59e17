#include "gpu/checkpoint/hub_spec.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>

#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

using Json = nlohmann::ordered_json;
using Config = nlohmann::json;

constexpr std::int64_t gpt2_vocab_size = 50257;

struct Experts {
  std::int64_t count = 0, per_token = 0, layers = 0, ffn_size = 0, shared = 0;
};

struct Mamba {
  std::int64_t layers = 0, attention_layers = 0, mlp_layers = 0, state_size = 16, conv_kernel = 4;
};

struct Numbers {
  std::int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, ffn = 0, vocab = 0;
  bool tied = false, gated = false;
  std::optional<Experts> experts;
  std::optional<Mamba> mamba;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Members under the names that families give them; the first that is there counts. Keeps the first problem.
class Reader {
 public:
  Reader(const Config& config, std::string name) : config_(config), name_(std::move(name)) {}

  const Config* find(std::initializer_list<const char*> names) const {
    for (const auto* name : names)
      if (const auto found = config_.find(name); found != config_.end() && !found->is_null()) return &*found;
    return nullptr;
  }

  std::optional<std::int64_t> integer(std::initializer_list<const char*> names, std::int64_t max) {
    const auto* value = find(names);
    if (!value) return std::nullopt;
    if (value->is_number_integer() && *value >= 0 && *value <= max) return value->get<std::int64_t>();
    refuse(*names.begin(), printable(value->dump()) + " is no whole number from 0 to " + std::to_string(max));
    return std::nullopt;
  }

  std::int64_t needed(std::initializer_list<const char*> names, std::int64_t max) {
    const auto value = integer(names, max);
    if (!value) refuse(*names.begin(), "is missing");
    if (value == 0) refuse(*names.begin(), "0 is too small");
    return value.value_or(0);
  }

  std::string text(std::initializer_list<const char*> names) const {
    const auto* value = find(names);
    return value && value->is_string() ? value->get<std::string>() : "";
  }

  bool flag(const char* name) const {
    const auto* value = find({name});
    return value && value->is_boolean() && value->get<bool>();
  }

  const std::optional<Error>& problem() const { return problem_; }

 private:
  void refuse(const std::string& member, const std::string& why) {
    if (!problem_) problem_ = invalid(name_ + ": " + member + ": " + why, member);
  }

  const Config& config_;
  std::string name_;
  std::optional<Error> problem_;
};

// A gate beside the way up, by the activation's name.
bool is_gated(const std::string& activation) {
  for (const auto* gated : {"swiglu", "geglu", "siglu"})
    if (activation.find(gated) != activation.npos) return true;
  return activation == "silu" || activation == "gelu";  // names with relu in them, and all others, have none
}

// Layers without experts come first, or experts are in every n-th layer only.
std::int64_t expert_layers(Reader& config, std::int64_t layers) {
  const auto dense_first = std::min(layers, config.integer({"first_k_dense_replace"}, layers_max).value_or(0));
  const auto step = std::max<std::int64_t>(1, config.integer({"decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step"}, layers_max).value_or(1));
  std::int64_t dense_listed = 0;
  if (const auto* listed = config.find({"mlp_only_layers"}); listed && listed->is_array()) dense_listed = static_cast<std::int64_t>(listed->size());
  return std::max<std::int64_t>(0, (layers - dense_first) / step - dense_listed);
}

std::optional<Experts> read_experts(Reader& config, std::int64_t layers) {
  const auto count = config.integer({"num_local_experts", "num_experts", "n_routed_experts"}, experts_max);
  const auto per_token = config.integer({"num_experts_per_tok", "num_experts_per_token", "moe_topk", "top_k_experts"}, experts_max);
  if (count.value_or(0) <= 1 || !per_token) return std::nullopt;
  Experts experts{*count, *per_token, expert_layers(config, layers), 0, 0};
  experts.ffn_size = config.integer({"moe_intermediate_size", "expert_ffn_hidden_size", "ffn_hidden_size_expert"}, intermediate_size_max).value_or(0);
  experts.shared = config.integer({"n_shared_experts", "num_shared_experts"}, experts_max).value_or(0);
  return experts;
}

// All layers, or those that a pattern such as "M-M*-" names: M, attention *, feed-forward -.
std::optional<Mamba> read_mamba(Reader& config, const std::string& family, std::int64_t layers) {
  Mamba mamba;
  const auto pattern = config.text({"hybrid_override_pattern"});
  const auto count = [&](char kind) { return static_cast<std::int64_t>(std::count(pattern.begin(), pattern.end(), kind)); };
  if (!pattern.empty())
    mamba.layers = count('M'), mamba.attention_layers = count('*'), mamba.mlp_layers = count('-');
  else if (family.find("mamba") != family.npos)
    mamba.layers = layers;
  if (mamba.layers == 0) return std::nullopt;
  mamba.state_size = config.integer({"ssm_state_size", "state_size", "mamba_d_state"}, hidden_size_max).value_or(16);
  mamba.conv_kernel = config.integer({"conv_kernel", "mamba_d_conv"}, hidden_size_max).value_or(4);
  return mamba;
}

Numbers read_numbers(Reader& config, const std::string& family, bool is_tied) {
  Numbers n;
  n.layers = config.needed({"num_hidden_layers", "n_layer"}, layers_max);
  n.hidden = config.needed({"hidden_size", "n_embd", "d_model"}, hidden_size_max);
  n.mamba = read_mamba(config, family, n.layers);
  const bool has_attention = !n.mamba || n.mamba->attention_layers > 0;
  n.heads = has_attention ? config.needed({"num_attention_heads", "n_head"}, heads_max) : 1;
  n.kv_heads = config.integer({"num_key_value_heads"}, heads_max).value_or(n.heads);
  n.ffn = config.integer({"intermediate_size", "n_inner"}, intermediate_size_max).value_or(4 * n.hidden);
  n.vocab = config.integer({"vocab_size"}, vocab_size_max).value_or(gpt2_vocab_size);
  n.tied = is_tied || config.flag("tie_word_embeddings");
  n.gated = is_gated(lower(config.text({"hidden_act", "activation_function", "mlp_hidden_act"})));
  n.experts = read_experts(config, n.layers);
  return n;
}

// The contract's formula: no biases, and hidden / heads for a head's size even where config.json says otherwise. Unsigned, because
// hostile sizes may wrap, and a wrapped number harms nobody.
std::int64_t base_num_parameters(const Numbers& numbers) {
  const auto as = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const auto d = as(numbers.hidden), heads = as(std::max<std::int64_t>(1, numbers.heads)), keys = as(numbers.kv_heads);
  const std::uint64_t matrices = numbers.gated ? 3 : 2;
  const auto attention = keys < heads ? 2 * d * d + 2 * d * (keys * (d / heads)) : 4 * d * d;
  const auto feed_forward = matrices * d * as(numbers.ffn);
  const auto embedding = as(numbers.vocab) * d;
  const auto outside = embedding + (numbers.tied ? 0 : embedding) + d;
  if (const auto& mamba = numbers.mamba)
    return static_cast<std::int64_t>(as(mamba->layers) * (2 * d * (2 * d) + d * as(mamba->state_size)) + as(mamba->attention_layers) * attention +
                                     as(mamba->mlp_layers) * feed_forward + as(numbers.layers) * 2 * d + outside);
  const auto dense = attention + feed_forward + 2 * d;
  if (!numbers.experts) return static_cast<std::int64_t>(as(numbers.layers) * dense + outside);
  const auto& experts = *numbers.experts;
  const auto ffn = as(experts.ffn_size > 0 ? experts.ffn_size : numbers.ffn);
  const auto sparse = attention + d * as(experts.count) + as(experts.count + experts.shared) * matrices * d * ffn + 2 * d;
  return static_cast<std::int64_t>(as(numbers.layers - experts.layers) * dense + as(experts.layers) * sparse + outside);
}

std::string precision(const Reader& config) {
  auto dtype = config.text({"torch_dtype", "dtype"});
  if (dtype.starts_with("torch.")) dtype.erase(0, 6);
  if (dtype == "bfloat16" || dtype == "float16" || dtype == "float32") return dtype;
  const auto* quantisation = config.find({"quantization_config"});
  if (quantisation && quantisation->is_object() && quantisation->contains("bits") && (*quantisation)["bits"].is_number_integer())
    return "int" + (*quantisation)["bits"].dump();
  return "float32";
}

std::string architecture_of(const Config& config, const std::string& name) {
  const auto found = config.find("architectures");
  if (found != config.end() && found->is_array() && !found->empty() && found->front().is_string()) return found->front().get<std::string>();
  return name;
}

Json experts_json(const std::optional<Experts>& experts) {
  if (!experts) return nullptr;
  return {{"num_experts", experts->count},
          {"num_experts_per_tok", experts->per_token},
          {"num_expert_layers", experts->layers},
          {"expert_ffn_size", experts->ffn_size > 0 ? Json(experts->ffn_size) : Json()},
          {"num_shared_experts", experts->shared}};
}

Json mamba_json(const std::optional<Mamba>& mamba) {
  if (!mamba) return nullptr;
  return {{"is_hybrid", mamba->attention_layers > 0 || mamba->mlp_layers > 0},
          {"num_mamba_layers", mamba->layers},
          {"num_attention_layers", mamba->attention_layers},
          {"num_mlp_layers", mamba->mlp_layers},
          {"state_size", mamba->state_size},
          {"conv_kernel", mamba->conv_kernel}};
}

}  // namespace

Result<Json> hub_spec(const Config& config, const std::string& name) {
  if (!config.is_object()) return invalid(name + ": an object is needed");
  // Models of several kinds of input keep the language model's numbers in an object of their own.
  const auto inner = config.find("text_config");
  Reader reader(inner != config.end() && inner->is_object() ? *inner : config, name), outer(config, name);
  const auto family = lower(outer.text({"model_type"}));
  if (family.empty()) return invalid(name + ": model_type: is missing", "model_type");
  const auto numbers = read_numbers(reader, family, outer.flag("tie_word_embeddings"));
  const auto window = reader.integer({"sliding_window"}, position_max);
  if (reader.problem()) return *reader.problem();
  return Json{{"checkpoint_model_name", architecture_of(config, name)},
              {"family", family},
              {"num_layers", numbers.layers},
              {"hidden_size", numbers.hidden},
              {"num_attention_heads", numbers.heads},
              {"num_kv_heads", numbers.kv_heads},
              {"ffn_hidden_size", numbers.ffn},
              {"vocab_size", numbers.vocab},
              {"tied_embeddings", numbers.tied},
              {"gated_mlp", numbers.gated},
              {"base_num_parameters", base_num_parameters(numbers)},
              {"precision", precision(inner != config.end() && !outer.find({"torch_dtype", "dtype", "quantization_config"}) ? reader : outer)},
              {"moe_config", experts_json(numbers.experts)},
              {"mamba_config", mamba_json(numbers.mamba)},
              {"sliding_window_config", window ? Json{{"window_size", *window}} : Json()}};
}

}  // namespace luthier::checkpoint
