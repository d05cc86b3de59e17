// What a route answers, and the one place where errors become statuses.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "actors/rest/json.hpp"

namespace luthier::rest {

struct Answer {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// What was asked for, or the answer that refuses: `if (auto* refusal = std::get_if<Answer>(&read)) return *refusal;`
template <class T>
using Or = std::variant<T, Answer>;

Answer answer(int status, const Json& body);
Answer ok(const Json& body);
Answer created(const Json& body);
Answer no_content();  // 204, no body

// {"detail": "<sentence>"}. 409 and every status from 500 on carry `x-should-retry: false`: clients would otherwise try again what
// cannot succeed, or what may have happened already.
Answer detail(int status, std::string_view sentence);

// One thing that is wrong with a request. A member that is discarded (Json's own word for "no value") is left out.
struct Problem {
  std::string type = {};  // "missing", "string_too_long", … as pydantic names them
  Json loc = Json::array();
  std::string msg = {};
  Json input = Json(Json::value_t::discarded);
  Json ctx = Json(Json::value_t::discarded);
};
Answer problems(const std::vector<Problem>& all);  // 422 {"detail": [{"type", "loc", "msg", "input", "ctx"}]}
Answer problem(Problem one);
Answer value_error(Json loc, std::string sentence);  // 422 with one problem of that type, "Value error, <sentence>"

int status_of(ErrorCode code);
// The error's sentence under its status; what is a fault of ours is told without its insides.
Answer from_error(const Error& error);

// A request's body. What cannot be read is 422 `json_invalid` with the byte's offset.
Or<Json> parse_body(std::string_view text, const BodyBounds& bounds = {});

}  // namespace luthier::rest
