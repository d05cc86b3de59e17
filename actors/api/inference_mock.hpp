// The mock of the inference gateway, for trials of clients: off unless the operator names a prefix, and then only for requests that bring
// their answer along, and for providers whose name has the prefix. Those are never contacted.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "actors/gateway/http_head.hpp"
#include "actors/rest/answer.hpp"
#include "actors/rest/json.hpp"

namespace luthier::api {

struct MockRequest {
  std::string_view method, tail, body;
  const gateway::HttpHeaders& headers;
};

class InferenceMock {
 public:
  explicit InferenceMock(std::string prefix) : prefix_(std::move(prefix)) {}

  bool is_on() const { return !prefix_.empty(); }
  bool is_mock(std::string_view provider) const { return is_on() && provider.starts_with(prefix_); }

  // The answer that a request brings along, whatever it asks for; nothing without one, or when the mock is off.
  std::optional<rest::Answer> brought(const MockRequest& request) const;
  // What a mock provider answers. `entity`: what the request's model stands for, when the route has found that out.
  rest::Answer answer(const MockRequest& request, const rest::Json& provider, const std::string& entity);

 private:
  rest::Answer next_of(const rest::Json& answers, const std::string& counter);

  const std::string prefix_;
  std::mutex mutex_;
  std::map<std::string, std::size_t> given_;  // how many answers of a list have been given
};

// A chat completion (or anything else) as a stream: its text cut at blanks.
std::string as_event_stream(const rest::Json& completion);

}  // namespace luthier::api
