// What becomes of a request on its way to a provider, and of the provider's answer on its way back. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/gateway/http_head.hpp"
#include "actors/gateway/upstream.hpp"
#include "actors/rest/answer.hpp"
#include "actors/rest/json.hpp"

namespace luthier::api {

// The target of a request: the address's path, the tail below it (one "v1" when both have it), and the query as it came. nullopt: the
// tail would leave the address's path.
std::optional<std::string> upstream_target(const gateway::UpstreamAddress& address, std::string_view tail, std::string_view query);

// The client's headers without those that are for us, and the provider's own: its defaults where the client has said nothing, what it
// requires in any case, and its key by its format (empty: it has none).
gateway::HttpHeaders::Entries upstream_headers(const gateway::HttpHeaders& request, const rest::Json& provider, const std::string& key);

// The body with `model` as its model (empty: as it is), on top of the provider's defaults and below what it requires. What is no JSON
// object stays as it is. invalid: it cannot be told what the body is.
Result<std::string> upstream_body(std::string body, const rest::Json& provider, const std::string& model);

// What the gateway answers for a provider's status of 400 and more.
rest::Answer wrapped_error(int status, std::string_view body, const std::string* retry_after);

// The answer with `model` where it has one. nullopt: it is no JSON object.
std::optional<std::string> renamed_answer(std::string body, const std::string& model);

// The same for a stream of events, piece by piece as they come.
class StreamRenamer {
 public:
  explicit StreamRenamer(std::string model) : model_(std::move(model)) {}
  std::string take(std::string_view piece);  // what can be passed on now
  std::string rest();                        // at the end

 private:
  std::string renamed(std::string_view line) const;
  std::string model_, line_;  // a line that is not whole yet
  bool is_too_long_ = false;
};

}  // namespace luthier::api
