#include "actors/rest/answer.hpp"

#include <charconv>

namespace luthier::rest {
namespace {

// Our parser ends its sentence with the place, counted from 1; clients know offsets, counted from 0.
std::size_t offset_in(std::string_view sentence) {
  constexpr std::string_view place = "at byte ";
  const auto at = sentence.rfind(place);
  std::size_t byte = 0;
  if (at != sentence.npos) std::from_chars(sentence.data() + at + place.size(), sentence.data() + sentence.size(), byte);
  return byte == 0 ? 0 : byte - 1;
}

Json to_json(const Problem& problem) {
  Json out = {{"type", problem.type}, {"loc", problem.loc}, {"msg", problem.msg}};
  if (!problem.input.is_discarded()) append_member(out, "input", problem.input);
  if (!problem.ctx.is_discarded()) append_member(out, "ctx", problem.ctx);
  return out;
}

}  // namespace

Answer answer(int status, const Json& body) { return {.status = status, .body = dump(body)}; }
Answer ok(const Json& body) { return answer(200, body); }
Answer created(const Json& body) { return answer(201, body); }
Answer no_content() { return {.status = 204, .content_type = {}}; }

Answer detail(int status, std::string_view sentence) {
  Answer out = answer(status, {{"detail", sentence}});
  if (status == 409 || status >= 500) out.headers.emplace_back("x-should-retry", "false");
  return out;
}

Answer problems(const std::vector<Problem>& all) {
  Json list = Json::array();
  for (const auto& one : all) list.push_back(to_json(one));
  return answer(422, {{"detail", std::move(list)}});
}

Answer problem(Problem one) { return problems({std::move(one)}); }

Answer value_error(Json loc, std::string sentence) {
  return problem({.type = "value_error", .loc = std::move(loc), .msg = "Value error, " + std::move(sentence)});
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid: return 422;
    case ErrorCode::forbidden: return 403;
    case ErrorCode::not_found: return 404;
    case ErrorCode::conflict: return 409;
    case ErrorCode::limit: return 429;
    case ErrorCode::out_of_memory: return 503;
    case ErrorCode::unavailable: return 503;
    case ErrorCode::cancelled: return 503;
    case ErrorCode::corrupt: return 500;
    case ErrorCode::io: return 507;  // a full disk, as the contract has it
    case ErrorCode::internal: return 500;
  }
  return 500;
}

Answer from_error(const Error& error) {
  if (error.code == ErrorCode::internal) return detail(500, "The server failed while it answered; its log says why.");
  const bool is_named = error.field.empty() || error.message.find(error.field) != std::string::npos;
  return detail(status_of(error.code), is_named ? error.message : error.field + ": " + error.message);
}

Or<Json> parse_body(std::string_view text, const BodyBounds& bounds) {
  auto body = parse_json(text, bounds);
  if (body) return std::move(*body);
  const auto& error = body.error();
  if (error.code == ErrorCode::limit)
    return detail(413, "The body has " + std::to_string(text.size()) + " bytes; at most " +
                           std::to_string(bounds.bytes_max) + " are read.");
  return problem({.type = "json_invalid",
                  .loc = {"body", offset_in(error.message)},
                  .msg = "JSON decode error",
                  .input = Json::object(),
                  .ctx = {{"error", error.message}}});
}

}  // namespace luthier::rest
