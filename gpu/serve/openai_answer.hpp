// The bodies that OpenAI's clients read.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/generation.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::serve {

struct Usage {
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
};

// What one answer, or all chunks of a stream, have in common.
struct AnswerFrame {
  bool is_chat = false;
  std::string id, model;
  std::int64_t created = 0;
};
AnswerFrame make_frame(bool is_chat, std::string model);

struct Choice {
  std::int64_t index = 0;
  std::string text;
  std::vector<GeneratedToken> tokens;
  FinishReason finish = FinishReason::stop;
};

std::string answer_body(const AnswerFrame& frame, const std::vector<Choice>& choices, const Usage& usage,
                        bool with_logprobs, const text::Tokenizer& tokenizer);

std::string embeddings_body(const std::string& model, const std::vector<std::vector<float>>& embeddings, std::int64_t prompt_tokens,
                            bool is_base64);

// Server-Sent Events, each "data: …\n\n".
std::string first_chunk(const AnswerFrame& frame, std::int64_t index, bool with_usage);  // empty for completions
std::string piece_chunk(const AnswerFrame& frame, std::int64_t index, const Piece& piece, std::int64_t text_offset,
                        bool with_logprobs, bool with_usage, const text::Tokenizer& tokenizer);
std::string usage_chunk(const AnswerFrame& frame, const Usage& usage);
inline constexpr std::string_view done_chunk = "data: [DONE]\n\n";
std::string error_chunk(std::string_view message);

// {"error": {message, type, param, code}} and the HTTP status that belongs to it.
struct ErrorAnswer {
  int status = 500;
  std::string body;
};
ErrorAnswer error_answer(int status, std::string_view message, std::string_view param = {}, std::string_view code = {});
ErrorAnswer error_answer(const Error& error);

std::string dump(const nlohmann::ordered_json& value);  // bytes that are not UTF-8 are replaced

}  // namespace luthier::serve
