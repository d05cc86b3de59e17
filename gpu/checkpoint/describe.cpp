#include "gpu/checkpoint/describe.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/gguf.hpp"
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/hub_rope.hpp"
#include "gpu/checkpoint/hub_spec.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/checkpoint/locate.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::uint64_t as(std::int64_t value) { return static_cast<std::uint64_t>(value); }

std::uint64_t layer_parameters(const Decoder& decoder, const LayerShape& layer) {
  const auto d = as(decoder.hidden_size), heads = as(decoder.num_heads), keys = as(layer.num_kv_heads);
  std::uint64_t count = 0;
  if (layer.num_heads > 0) count += d + (keys < heads ? 2 * d * d + 2 * d * (keys * (d / heads)) : 4 * d * d);
  const auto experts = as(std::max<std::int64_t>(layer.num_experts, 1));
  if (layer.intermediate_size > 0) count += d + experts * (decoder.gated ? 3 : 2) * d * as(layer.intermediate_size);
  return count + d * as(layer.num_experts);  // the router
}

// The platform's own formula, which clients compare: it leaves out biases and takes hidden / heads for a head's size
// even where config.json says otherwise. Unsigned, because hostile sizes may wrap, and a wrapped number harms nobody.
std::int64_t base_num_parameters(const Decoder& decoder) {
  const auto embedding = as(decoder.vocab_size) * as(decoder.hidden_size);
  std::uint64_t count = embedding + as(decoder.hidden_size);
  if (decoder.has_head && !decoder.tie_word_embeddings) count += embedding;
  for (const auto& layer : decoder.layers) count += layer_parameters(decoder, layer);
  return static_cast<std::int64_t>(count);
}

// "q4_1" and "q4_k" are both numbers of four bits.
std::string precision(const std::string& dtype) {
  return dtype.size() > 2 && dtype[0] == 'q' ? "int" + dtype.substr(1, 1) : dtype;
}

// A template is a string, or a list of named ones.
bool has_template(const nlohmann::json& tokenizer_config) {
  const auto found = tokenizer_config.find("chat_template");
  return found != tokenizer_config.end() && (found->is_string() || found->is_array()) && !found->empty();
}

Result<bool> is_chat(const fs::path& checkpoint) {
  std::error_code ignored;
  if (!fs::is_directory(checkpoint, ignored)) {
    const auto file = GgufFile::open(checkpoint);
    if (!file) return file.error();
    return file->has("tokenizer.chat_template");
  }
  if (fs::exists(checkpoint / "chat_template.jinja", ignored)) return true;
  for (const auto* name : {"chat_template.json", "tokenizer_config.json"}) {
    if (!fs::exists(checkpoint / name, ignored)) continue;
    const auto config = read_object(checkpoint / name);
    if (!config) return config.error();
    if (has_template(*config)) return true;
  }
  return false;
}

Json layers_json(const Decoder& decoder) {
  Json layers = Json::array();
  for (const auto& [name, in, out, bias] : linear_layers(decoder))
    layers.push_back({{"name", name}, {"in_features", in}, {"out_features", out}});
  return layers;
}

Json rope_json(const Decoder& decoder) {
  if (decoder.learned_positions) return nullptr;
  Json config;
  write_hub_rope(decoder.rope, config);
  return config["rope_parameters"];
}

Json id_json(std::int64_t id) { return id < 0 ? Json() : Json(id); }

bool is_weights(const std::string& file) {
  for (const auto* end : {".safetensors", ".bin", ".safetensors.index.json", ".bin.index.json"})
    if (file.ends_with(end)) return true;
  return false;
}

// A directory of which some is still to come is not a model yet.
Result<void> check_complete(const fs::path& directory) {
  bool has_tokenizer = false, has_weights = false;
  std::error_code failed;
  for (auto entry = fs::directory_iterator(directory, failed); !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    const auto file = entry->path().filename().string();
    has_weights = has_weights || is_weights(file);
    has_tokenizer = has_tokenizer || file == "tokenizer.json" || file == "tokenizer_config.json" || file == "vocab.txt" || file == "merges.txt";
  }
  if (!has_weights) return Error{ErrorCode::not_found, directory.string() + ": has a config.json and no weights; a .safetensors file is needed", "model"};
  if (!has_tokenizer)
    return Error{ErrorCode::not_found, directory.string() + ": has no tokenizer; tokenizer.json or tokenizer_config.json is needed", "model"};
  return {};
}

// The spec is kept, and where the checkpoint lay when it was read means nothing to who reads it.
std::string without_directory(std::string text, const fs::path& directory) {
  const auto prefix = directory.string() + "/";
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

// What the contract shows of a family that the engine does not have, and why it cannot be used; else the engine's own refusal.
Result<Json> describe_unsupported(const fs::path& checkpoint, const Error& refusal) {
  std::error_code ignored;
  if (!fs::is_directory(checkpoint, ignored)) return refusal;
  const auto config = read_object(checkpoint / "config.json");
  if (!config) return refusal;
  auto spec = hub_spec(*config, "config.json");
  const auto chat = is_chat(checkpoint);
  if (!spec || !chat || (*spec)["family"] == "llama") return refusal;
  if (parse_hub_config(*config, "config.json")) return refusal;  // its files are broken, which is no matter of families
  (*spec)["is_chat"] = *chat;
  (*spec)["format"] = "safetensors";
  (*spec)["unsupported"] = without_directory(refusal.message, checkpoint);
  return spec;
}

Json experts_json(const Decoder& d) {
  const auto has_experts = [](const LayerShape& layer) { return layer.num_experts > 0; };
  const auto first = std::find_if(d.layers.begin(), d.layers.end(), has_experts);
  if (first == d.layers.end()) return nullptr;
  return {{"num_experts", first->num_experts},
          {"num_experts_per_tok", d.experts.per_token},
          {"num_expert_layers", std::count_if(d.layers.begin(), d.layers.end(), has_experts)},
          {"expert_ffn_size", first->intermediate_size},
          {"num_shared_experts", 0}};
}

std::string pooling_name(Pooling pooling) {
  switch (pooling) {
    case Pooling::none: return "none";
    case Pooling::mean: return "mean";
    case Pooling::cls: return "cls";
    case Pooling::last: return "last";
  }
  return "none";
}

// What only some models have.
void add_particulars(const Decoder& d, Json& spec) {
  if (auto experts = experts_json(d); !experts.is_null()) spec["moe_config"] = std::move(experts);
  std::int64_t window = 0;
  for (const auto& layer : d.layers) window = std::max(window, layer.window);
  if (window > 0) spec["sliding_window_config"] = {{"window_size", window}};
  if (d.pooling != Pooling::none) spec["pooling"] = pooling_name(d.pooling);
}

}  // namespace

Result<Json> describe_model(const fs::path& path) {
  const auto found = locate_checkpoint(path);
  if (!found) return found.error();
  std::error_code ignored;
  if (fs::is_directory(*found, ignored))
    if (auto ok = check_complete(*found); !ok) return ok.error();
  const auto decoder = read_decoder(*found);
  if (!decoder) return describe_unsupported(*found, decoder.error());
  const auto chat = is_chat(*found);
  if (!chat) return chat.error();
  const auto& d = *decoder;
  Json spec{
      {"checkpoint_model_name", d.architecture},
      {"family", d.family},
      {"num_layers", d.num_layers},
      {"hidden_size", d.hidden_size},
      {"num_attention_heads", d.num_heads},
      {"num_kv_heads", d.num_kv_heads},
      {"ffn_hidden_size", d.intermediate_size},
      {"vocab_size", d.vocab_size},
      {"tied_embeddings", d.tie_word_embeddings},
      {"gated_mlp", d.gated},
      {"base_num_parameters", base_num_parameters(d)},
      {"precision", precision(d.dtype)},
      {"is_chat", *chat},
      {"context_size", d.max_position_embeddings - d.position_offset},
      {"linear_layers", layers_json(d)},
      {"head_dim", d.head_dim},
      {"rope", rope_json(d)},
      {"rms_norm_eps", d.rms_norm_eps},
      {"format", fs::is_directory(*found, ignored) ? "safetensors" : "gguf"},
      {"weight_bytes_f32", 4 * count_parameters(d)},
      {"bos_token_id", id_json(d.bos_token_id)},
      {"eos_token_ids", d.eos_token_ids},
      {"pad_token_id", id_json(d.pad_token_id)},
  };
  add_particulars(d, spec);
  return spec;
}

}  // namespace luthier::checkpoint
