#include "actors/gateway/http_exchange.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace luthier::gateway {
namespace {

std::string_view type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 404) return "not_found_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

bool is_framing(std::string_view name) {
  return equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Transfer-Encoding") ||
         equals_ignoring_case(name, "Connection");
}

bool may_have_body(int status) { return status != 204 && status != 304; }

}  // namespace

std::string error_body(int status, std::string_view message, std::string_view param, std::string_view code) {
  const auto or_null = [](std::string_view text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); };
  const nlohmann::json body{
      {"error", {{"message", message}, {"type", type_of(status)}, {"param", or_null(param)}, {"code", or_null(code)}}}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Exchange::Exchange(HttpSocket& socket, const GatewayOptions& options, RequestHead head, HttpBody& body, const ServerEnd& end)
    : request(std::move(head)), socket_(socket), options_(options), body_(body), end_(end) {
  pace_.time = options.write_timeout;
  pace_.bytes_per_second = options.answer_bytes_per_second;
}

Result<std::string> Exchange::head_of(int status, std::string_view content_type, const Extra& headers, std::int64_t length) {
  // A body that was left unread would be taken for the next request.
  if (!body_.skip_rest()) keeps_ = false;
  has_body_ = request.method != "HEAD" && may_have_body(status);
  chunks_ = has_body_ && length < 0 && !request.is_1_0;
  if (has_body_ && length < 0 && request.is_1_0) keeps_ = false;  // the end of the connection is the end of the answer
  left_ = has_body_ ? length : 0;

  Extra all;
  all.reserve(headers.size() + 3);
  for (const auto& header : headers)
    if (!is_framing(header.first)) all.push_back(header);
  if (!content_type.empty()) all.emplace_back("Content-Type", content_type);
  if (length >= 0 && may_have_body(status)) all.emplace_back("Content-Length", std::to_string(length));
  if (chunks_) all.emplace_back("Transfer-Encoding", "chunked");
  if (!keeps_connection()) all.emplace_back("Connection", "close");
  else if (request.is_1_0) all.emplace_back("Connection", "keep-alive");
  return response_head_text(status, all);
}

bool Exchange::send(std::initializer_list<std::string_view> pieces) {
  if (is_broken_) return false;  // a piece that was cut off has no continuation
  is_broken_ = !socket_.write(pieces, pace_);
  if (is_broken_) keeps_ = false;
  return !is_broken_;
}

void Exchange::answer(int status, std::string_view content_type, std::string_view body, const Extra& extra) {
  if (answered_) return abort();
  auto head = head_of(status, content_type, extra, static_cast<std::int64_t>(body.size()));
  if (!head) {
    const auto fault = error_body(500, "a fault of the server: " + head.error().message);
    return answer(500, "application/json", fault);
  }
  answered_ = true;
  send({*head, has_body_ ? body : std::string_view()});
}

bool Exchange::begin(int status, const Extra& headers, std::int64_t length) {
  if (answered_) {
    abort();
    return false;
  }
  auto head = head_of(status, {}, headers, length);
  if (!head) {
    answer(500, "application/json", error_body(500, "a fault of the server: " + head.error().message));
    return false;
  }
  answered_ = true;
  const bool sent = send({*head});
  ended_ = !has_body_ || length == 0;
  return sent;
}

bool Exchange::write(std::string_view piece) {
  if (piece.empty() || !has_body_) return true;
  if (chunks_) return send({chunk_begin(piece.size()), piece, chunk_end});
  if (left_ < 0) return send({piece});
  if (static_cast<std::int64_t>(piece.size()) > left_) {  // more than was said: the client would take it for the next answer
    keeps_ = false;
    return false;
  }
  left_ -= static_cast<std::int64_t>(piece.size());
  return send({piece});
}

void Exchange::end() {
  if (left_ > 0) keeps_ = false;
  if (chunks_ && !ended_) send({last_chunk()});
  ended_ = true;
}

}  // namespace luthier::gateway
