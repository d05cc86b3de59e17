#include "gpu/checkpoint/gguf_keys.hpp"

#include <algorithm>
#include <cmath>

#include "gpu/checkpoint/limits.hpp"

namespace luthier::checkpoint {

std::int64_t GgufKeys::integer(const std::string& key, std::int64_t least, std::int64_t most) {
  const auto value = file_.integer(key);
  if (!value) return keep(value.error()), least;
  if (*value >= least && *value <= most) return *value;
  return refuse(key, std::to_string(*value) + " is not between " + std::to_string(least) + " and " + std::to_string(most)), least;
}

std::vector<std::int64_t> GgufKeys::of_layers(const std::string& key, std::int64_t least, std::int64_t most, std::int64_t layers) {
  const auto count = static_cast<std::size_t>(layers);
  const auto found = file_.metadata().find(key);
  const auto* each = found == file_.metadata().end() ? nullptr : std::get_if<std::vector<std::int64_t>>(&found->second);
  if (!each) return std::vector<std::int64_t>(count, integer(key, least, most));
  if (each->size() != count) refuse(key, "has " + std::to_string(each->size()) + " entries for " + std::to_string(layers) + " layers");
  for (const auto value : *each)
    if (value < least || value > most)
      refuse(key, std::to_string(value) + " is not between " + std::to_string(least) + " and " + std::to_string(most));
  return error_ ? std::vector<std::int64_t>(count, least) : *each;
}

std::int64_t GgufKeys::integer(const std::string& key, std::int64_t least, std::int64_t most, std::int64_t otherwise) {
  return file_.has(key) ? integer(key, least, most) : otherwise;
}

double GgufKeys::number(const std::string& key) {
  const auto value = file_.number(key);
  if (!value) return keep(value.error()), 0;
  if (!std::isfinite(*value) || *value < 0) refuse(key, "is not a number from 0");
  return *value;
}

void GgufKeys::keep(const Error& error) {
  if (!error_) error_ = error;
}

void GgufKeys::refuse(const std::string& key, const std::string& why) {
  keep(invalid(file_.path().string() + ": metadata " + key + ": " + why, key));
}

std::int64_t gguf_vocab_size(GgufKeys& keys, const std::string& prefix) {
  const auto& file = keys.file();
  const auto key = prefix + "vocab_size";
  if (file.has(key)) return keys.integer(key, 1, vocab_size_max);
  const auto found = file.metadata().find("tokenizer.ggml.tokens");
  const auto* tokens = found == file.metadata().end() ? nullptr : std::get_if<std::vector<std::string>>(&found->second);
  if (tokens && !tokens->empty()) return static_cast<std::int64_t>(tokens->size());
  const auto embedding = file.tensors().find("token_embd.weight");
  if (embedding != file.tensors().end()) return std::min(embedding->second.shape.front(), vocab_size_max);
  keys.keep(invalid(file.path().string() + ": metadata " + key + ": is missing", key));
  return 1;
}

void read_gguf_token_ids(GgufKeys& keys, Decoder& decoder) {
  const auto id = [&](const std::string& name) {
    return keys.integer("tokenizer.ggml." + name + "_token_id", 0, decoder.vocab_size - 1, -1);
  };
  decoder.bos_token_id = id("bos");
  decoder.pad_token_id = id("padding");
  // A chat model may end its turn with a token of its own beside the end of the text.
  for (const auto* name : {"eos", "eot", "eom"}) {
    const auto end = keys.file().has(std::string("tokenizer.ggml.") + name + "_token_id") ? id(name) : -1;
    auto& ends = decoder.eos_token_ids;
    if (end >= 0 && std::find(ends.begin(), ends.end(), end) == ends.end()) ends.push_back(end);
  }
}

}  // namespace luthier::checkpoint
