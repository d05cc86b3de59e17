// The bodies that OpenAI's clients send, as values. A member that is absent or null has OpenAI's default; a member that
// we do not know is ignored; one that asks for what we do not do is refused by name.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/sampling.hpp"
#include "gpu/serve/text_kind.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::serve {

constexpr std::int64_t choices_max = 16;  // of one request: prompts times n
constexpr std::size_t stops_max = 16;
constexpr std::size_t stop_bytes_max = 256;
constexpr int json_depth_max = 32;

// Text to encode, or token ids.
struct Prompt {
  std::variant<std::string, std::vector<std::int32_t>> content;
  bool add_special = true;
};

struct OpenAiRequest {
  bool is_chat = false;
  std::string model;
  std::vector<Prompt> prompts;
  Sampling sampling;                        // without choice; seed is 0 when has_seed is not set
  bool has_seed = false;
  std::optional<std::int64_t> tokens_max;   // none: OpenAI's default
  std::vector<std::string> stops;
  std::int64_t n = 1;
  std::int64_t logprobs_top = -1;           // -1: none
  bool ignore_eos = false;
  bool stream = false, include_usage = false;
};

constexpr std::size_t inputs_max = 2048;  // of one request for embeddings, as at OpenAI

struct EmbeddingRequest {
  std::string model;
  std::vector<Prompt> inputs;
  bool is_base64 = false;              // float32, little-endian; else numbers
  std::optional<std::int64_t> dimensions;  // must be the model's
  TextKind kind = TextKind::plain;         // "input_type", as NVIDIA's embedding services name it
};

// Parsed with bounds on nesting; an object or an error.
Result<nlohmann::ordered_json> parse_body(std::string_view body);

Result<OpenAiRequest> read_chat_request(const nlohmann::ordered_json& body, const text::Tokenizer& tokenizer);
Result<OpenAiRequest> read_completion_request(const nlohmann::ordered_json& body);
Result<EmbeddingRequest> read_embedding_request(const nlohmann::ordered_json& body);

}  // namespace luthier::serve
