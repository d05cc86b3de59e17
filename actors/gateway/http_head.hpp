// The head of an HTTP/1.1 message: the request or status line and the headers, read and written by Boost.Beast. On top of what it
// checks we are strict where leniency lets two programs see different messages in the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::gateway {

class HttpHeaders {
 public:
  using Entries = std::vector<std::pair<std::string, std::string>>;

  void add(std::string name, std::string value) { entries_.emplace_back(std::move(name), std::move(value)); }
  const std::string* find(std::string_view name) const;  // the first; case does not matter
  std::size_t count(std::string_view name) const;
  const Entries& all() const { return entries_; }

 private:
  Entries entries_;
};

struct RequestHead {
  std::string method, target;  // the target as it came
  std::string raw_path;        // of the target: before the '?', percent codes and all
  std::string query;           // of the target: after the '?', percent codes and all
  std::string path;            // raw_path, decoded
  std::string peer;            // the client's address: "127.0.0.1", "::1"
  bool keeps_connection = true;
  bool is_1_0 = false;
  HttpHeaders headers;
};

struct ResponseHead {
  int status = 0;
  HttpHeaders headers;
};

// How many bytes of body follow the head.
struct BodyLength {
  bool is_chunked = false;
  std::optional<std::int64_t> bytes;  // without: as far as the connection goes (answers only)
};

// `text` is everything before the empty line.
Result<RequestHead> parse_request_head(std::string_view text);
Result<ResponseHead> parse_response_head(std::string_view text);
Result<BodyLength> body_length(const HttpHeaders& headers, bool is_request);

// With the empty line. invalid: a name or a value has characters that would begin another header, or another answer.
Result<std::string> response_head_text(int status, const HttpHeaders::Entries& headers);
Result<std::string> request_head_text(const std::string& method, const std::string& target, const HttpHeaders::Entries& headers);

bool equals_ignoring_case(std::string_view a, std::string_view b);
std::optional<std::string> decode_percent(std::string_view text);

}  // namespace luthier::gateway
