// One request and its answer, on a connection of its own. The syntax of the messages is cpp-httplib's; connecting, time and every bound
// are ours, because the library has none on the length of a head, on its time or on a line between chunks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/hub/hub.hpp"
#include "actors/hub/url.hpp"

namespace luthier::hub {

struct Header {
  std::string name, value;
};

struct Request {
  Url url;
  std::vector<Header> headers;
  std::vector<Header> credentials;  // only ever sent to the origin of `url`, and never again after a redirect to another one
};

struct Head {
  int status = 0;
  std::string text;  // as it came: the library decodes %XX in values, which breaks addresses

  std::string find(std::string_view name) const;  // the first value of that name; empty: none
};

struct Reception {
  // False: the body is not wanted, and the exchange ends here, well.
  std::function<Result<bool>(const Head&)> head;
  // A piece of the body, decoded from its chunks.
  std::function<Result<void>(std::string_view)> bytes;
};

// How fast an answer must come.
struct Pace {
  std::chrono::milliseconds silence{30'000};
  std::int64_t bytes_per_second_min = 0;
  std::chrono::milliseconds total{};  // 0: as long as it takes at that rate
};

// unavailable: not reached, too slow, broken off, or not HTTP. Errors of `reception` come back as they are. No redirect is followed.
Result<Head> exchange(const Request& request, const Pace& pace, const Transfer& transfer, const Reception& reception);

bool equals_ignoring_case(std::string_view a, std::string_view b);
// Nothing that would end a header line. Secrets from files often have a line break at their end.
bool is_header_value(std::string_view text);

}  // namespace luthier::hub
