// Payloads that somebody has damaged on purpose or by accident: each is read or refused, with a field that exists or none.
#include <catch2/catch.hpp>
#include <random>

#include "events/codec/codec.hpp"
#include "events/codec/sample_test.hpp"
#include "events/json/utf8.hpp"

namespace luthier::events {
namespace {

std::string damaged(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random); };
  constexpr std::string_view pieces[] = {"{", "}", "[", "]", "\"", ",", ":", "null", "-1", "1e400", "9223372036854775808", "\\u0000",
                                         "\\ud800", "\xFF", "\xC3\xA9", "\"id\":", "{\"a\":", "0.1", "true", "\n"};
  for (std::size_t times = 1 + below(4); times > 0 && !text.empty(); --times) {
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0: text[at] = static_cast<char>(below(256)); break;
      case 1: text.erase(at, 1 + below(8)); break;
      case 2: text.insert(at, pieces[below(std::size(pieces))]); break;
      default: text.insert(at, text.substr(below(text.size()), below(30)));
    }
  }
  return text;
}

}  // namespace

TEST_CASE("damaged envelopes are read or refused, never more") {
  std::mt19937 random(5);
  int read = 0, refused = 0;
  for (const Command& command : samples_of<Command>()) {
    const std::string entity(entity_of_command(encode(command).type));
    const Request request{{"system", "default", "id-1"}, entity, "some", 3, {}, {}, command};
    const std::string whole = encode_request(request);
    for (int i = 0; i < 400; ++i) {
      const auto decoded = decode_request(entity, "default", damaged(whole, random), {}, true);
      decoded ? ++read : ++refused;
      if (decoded) CHECK(decode_request(entity, "default", encode_request(*decoded), {}, true));
      if (!decoded) CHECK_FALSE(decoded.error().message.empty());
    }
  }
  CHECK(read > 100);
  CHECK(refused > 1000);
}

TEST_CASE("damaged events are read or corrupt, and what is read can be written again") {
  std::mt19937 random(6);
  for (const Event& event : samples_of<Event>()) {
    const EncodedEvent encoded = encode(event);
    for (int i = 0; i < 200; ++i) {
      const auto decoded = decode_event(encoded.type, encoded.version, damaged(encoded.data, random));
      if (decoded) CHECK(json::is_utf8(encode(*decoded).data));
      if (!decoded) CHECK(decoded.error().code == ErrorCode::corrupt);
    }
  }
}

}  // namespace luthier::events
