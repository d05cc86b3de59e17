#include "gpu/checkpoint/describe.hpp"

#include <nlohmann/json.hpp>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/gguf.hpp"
#include "gpu/checkpoint/hub_rope.hpp"
#include "gpu/checkpoint/hub_spec.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/checkpoint/locate.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The platform's own formula, which clients compare: it leaves out biases and takes hidden / heads for a head's size
// even where config.json says otherwise. Unsigned, because hostile sizes may wrap, and a wrapped number harms nobody.
std::int64_t base_num_parameters(const Decoder& decoder) {
  const auto as = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const auto d = as(decoder.hidden_size), heads = as(decoder.num_heads), keys = as(decoder.num_kv_heads);
  const auto attention = keys < heads ? 2 * d * d + 2 * d * (keys * (d / heads)) : 4 * d * d;
  const auto feed_forward = 3 * d * as(decoder.intermediate_size);  // gate, up and down
  const auto embedding = as(decoder.vocab_size) * d;
  return static_cast<std::int64_t>(as(decoder.num_layers) * (attention + feed_forward + 2 * d) + embedding +
                                   (decoder.tie_word_embeddings ? 0 : embedding) + d);
}

std::string precision(const std::string& dtype) {
  if (dtype == "q4_1") return "int4";
  if (dtype == "q8_0") return "int8";
  return dtype;
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

Json rope_json(const Rope& rope) {
  Json config;
  write_hub_rope(rope, config);
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
  (*spec)["is_chat"] = *chat;
  (*spec)["format"] = "safetensors";
  (*spec)["unsupported"] = without_directory(refusal.message, checkpoint);
  return spec;
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
  return Json{
      {"checkpoint_model_name", d.architecture},
      {"family", d.family},
      {"num_layers", d.num_layers},
      {"hidden_size", d.hidden_size},
      {"num_attention_heads", d.num_heads},
      {"num_kv_heads", d.num_kv_heads},
      {"ffn_hidden_size", d.intermediate_size},
      {"vocab_size", d.vocab_size},
      {"tied_embeddings", d.tie_word_embeddings},
      {"gated_mlp", true},
      {"base_num_parameters", base_num_parameters(d)},
      {"precision", precision(d.dtype)},
      {"is_chat", *chat},
      {"context_size", d.max_position_embeddings},
      {"linear_layers", layers_json(d)},
      {"head_dim", d.head_dim},
      {"rope", rope_json(d.rope)},
      {"rms_norm_eps", d.rms_norm_eps},
      {"format", fs::is_directory(*found, ignored) ? "safetensors" : "gguf"},
      {"weight_bytes_f32", 4 * count_parameters(d)},
      {"bos_token_id", id_json(d.bos_token_id)},
      {"eos_token_ids", d.eos_token_ids},
      {"pad_token_id", id_json(d.pad_token_id)},
  };
}

}  // namespace luthier::checkpoint
