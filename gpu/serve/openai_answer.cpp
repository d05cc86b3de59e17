#include "gpu/serve/openai_answer.hpp"

#include <openssl/evp.h>

#include <bit>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

namespace luthier::serve {
namespace {

using nlohmann::ordered_json;

std::string random_hex(std::size_t digits) {
  static thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  std::string out;
  for (std::size_t i = 0; i < digits; ++i) out += "0123456789abcdef"[random() % 16];
  return out;
}

std::string token_text(std::int32_t id, const text::Tokenizer& tokenizer) {
  return tokenizer.decode(std::span(&id, 1), false);
}

// Of the values as they lie in memory: float32, little-endian on every processor that this runs on.
std::string base64(const std::vector<float>& values) {
  static_assert(std::endian::native == std::endian::little);
  const auto bytes = values.size() * sizeof(float);
  std::string out(4 * ((bytes + 2) / 3) + 1, '\0');  // with the zero that the function writes
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                                      reinterpret_cast<const unsigned char*>(values.data()), static_cast<int>(bytes))));
  return out;
}

ordered_json bytes_of(const std::string& text) {
  ordered_json bytes = ordered_json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

ordered_json chat_logprobs(const std::vector<GeneratedToken>& tokens, const text::Tokenizer& tokenizer) {
  const auto entry = [&](const TokenLogprob& of) {
    const auto text = token_text(of.token, tokenizer);
    return ordered_json{{"token", text}, {"logprob", of.logprob}, {"bytes", bytes_of(text)}};
  };
  ordered_json content = ordered_json::array();
  for (const auto& token : tokens) {
    if (token.logprobs.empty()) continue;
    auto item = entry(token.logprobs.front());
    item["top_logprobs"] = ordered_json::array();
    for (std::size_t i = 1; i < token.logprobs.size(); ++i) item["top_logprobs"].push_back(entry(token.logprobs[i]));
    content.push_back(std::move(item));
  }
  return {{"content", std::move(content)}};
}

ordered_json completion_logprobs(const std::vector<GeneratedToken>& tokens, std::int64_t offset, const text::Tokenizer& tokenizer) {
  ordered_json out{{"text_offset", ordered_json::array()}, {"token_logprobs", ordered_json::array()},
                   {"tokens", ordered_json::array()}, {"top_logprobs", ordered_json::array()}};
  for (const auto& token : tokens) {
    if (token.logprobs.empty()) continue;
    const auto text = token_text(token.id, tokenizer);
    out["text_offset"].push_back(offset);
    offset += static_cast<std::int64_t>(text.size());
    out["token_logprobs"].push_back(token.logprobs.front().logprob);
    out["tokens"].push_back(text);
    ordered_json top = ordered_json::object();
    for (std::size_t i = 1; i < token.logprobs.size(); ++i) top[token_text(token.logprobs[i].token, tokenizer)] = token.logprobs[i].logprob;
    out["top_logprobs"].push_back(std::move(top));
  }
  return out;
}

ordered_json logprobs_of(const AnswerFrame& frame, const std::vector<GeneratedToken>& tokens, std::int64_t offset,
                         bool wanted, const text::Tokenizer& tokenizer) {
  if (!wanted) return nullptr;
  return frame.is_chat ? chat_logprobs(tokens, tokenizer) : completion_logprobs(tokens, offset, tokenizer);
}

ordered_json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

ordered_json frame_json(const AnswerFrame& frame, const char* chat_object) {
  return {{"id", frame.id}, {"object", frame.is_chat ? chat_object : "text_completion"}, {"created", frame.created}, {"model", frame.model}};
}

std::string event(const ordered_json& data) { return "data: " + dump(data) + "\n\n"; }

std::string chunk(const AnswerFrame& frame, ordered_json choices, bool with_usage) {
  auto out = frame_json(frame, "chat.completion.chunk");
  out["choices"] = std::move(choices);
  if (with_usage) out["usage"] = nullptr;
  return event(out);
}

const char* type_of(int status) {
  switch (status) {
    case 401: case 403: return "authentication_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

}  // namespace

std::string dump(const ordered_json& value) { return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

AnswerFrame make_frame(bool is_chat, std::string model) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  return {is_chat, (is_chat ? "chatcmpl-" : "cmpl-") + random_hex(24), std::move(model), now.count()};
}

std::string embeddings_body(const std::string& model, const std::vector<std::vector<float>>& embeddings, std::int64_t prompt_tokens,
                            bool is_base64) {
  ordered_json data = ordered_json::array();
  for (const auto& embedding : embeddings) {
    ordered_json entry{{"object", "embedding"}, {"index", data.size()}, {"embedding", nullptr}};
    if (is_base64) entry["embedding"] = base64(embedding);
    else entry["embedding"] = embedding;
    data.push_back(std::move(entry));
  }
  return dump({{"object", "list"}, {"data", std::move(data)}, {"model", model},
               {"usage", {{"prompt_tokens", prompt_tokens}, {"total_tokens", prompt_tokens}}}});
}

std::string answer_body(const AnswerFrame& frame, const std::vector<Choice>& choices, const Usage& usage,
                        bool with_logprobs, const text::Tokenizer& tokenizer) {
  auto out = frame_json(frame, "chat.completion");
  out["choices"] = ordered_json::array();
  for (const auto& choice : choices) {
    ordered_json item{{"index", choice.index}};
    if (frame.is_chat) item["message"] = {{"role", "assistant"}, {"content", choice.text}};
    else item["text"] = choice.text;
    item["logprobs"] = logprobs_of(frame, choice.tokens, 0, with_logprobs, tokenizer);
    item["finish_reason"] = to_string(choice.finish);
    out["choices"].push_back(std::move(item));
  }
  out["usage"] = usage_json(usage);
  return dump(out);
}

std::string first_chunk(const AnswerFrame& frame, std::int64_t index, bool with_usage) {
  if (!frame.is_chat) return {};
  return chunk(frame, {{{"index", index}, {"delta", {{"role", "assistant"}, {"content", ""}}}, {"logprobs", nullptr}, {"finish_reason", nullptr}}},
               with_usage);
}

std::string piece_chunk(const AnswerFrame& frame, std::int64_t index, const Piece& piece, std::int64_t text_offset,
                        bool with_logprobs, bool with_usage, const text::Tokenizer& tokenizer) {
  ordered_json item{{"index", index}};
  if (!frame.is_chat) item["text"] = piece.text;
  else item["delta"] = piece.text.empty() ? ordered_json::object() : ordered_json{{"content", piece.text}};
  item["logprobs"] = logprobs_of(frame, piece.tokens, text_offset, with_logprobs, tokenizer);
  item["finish_reason"] = piece.finish ? ordered_json(to_string(*piece.finish)) : ordered_json(nullptr);
  return chunk(frame, ordered_json::array({std::move(item)}), with_usage);
}

std::string usage_chunk(const AnswerFrame& frame, const Usage& usage) {
  auto out = frame_json(frame, "chat.completion.chunk");
  out["choices"] = ordered_json::array();
  out["usage"] = usage_json(usage);
  return event(out);
}

ErrorAnswer error_answer(int status, std::string_view message, std::string_view param, std::string_view code) {
  const auto text_or_null = [](std::string_view text) { return text.empty() ? ordered_json(nullptr) : ordered_json(text); };
  return {status, dump({{"error", {{"message", message}, {"type", type_of(status)}, {"param", text_or_null(param)}, {"code", text_or_null(code)}}}})};
}

std::string error_chunk(std::string_view message) {
  return "data: " + error_answer(503, message).body + "\n\n";
}

// A limit that names a member is the request's own doing; one that names none is that we are full now.
ErrorAnswer error_answer(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid: case ErrorCode::corrupt:
      return error_answer(400, error.message, error.field);
    case ErrorCode::not_found:
      return error_answer(404, error.message, error.field, error.field == "model" ? "model_not_found" : "not_found");
    case ErrorCode::forbidden: return error_answer(403, error.message, error.field);
    case ErrorCode::conflict: return error_answer(409, error.message, error.field);
    case ErrorCode::limit:
      if (error.field.empty()) return error_answer(429, error.message, {}, "queue_full");
      return error_answer(400, error.message, error.field, error.field == "max_tokens" ? "context_length_exceeded" : "limit");
    case ErrorCode::out_of_memory: case ErrorCode::unavailable: case ErrorCode::cancelled:
      return error_answer(503, error.message, error.field);
    case ErrorCode::io: case ErrorCode::internal: break;
  }
  return error_answer(500, error.message, error.field);
}

}  // namespace luthier::serve
