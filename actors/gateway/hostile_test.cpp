// Bytes from strangers: whatever comes, the parsers answer, and what they accept keeps its promises. A failing seed is the
// whole report.
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <random>

#include "actors/gateway/http_body.hpp"
#include "actors/gateway/http_head.hpp"
#include "actors/gateway/model_member.hpp"

using namespace luthier;
using namespace luthier::gateway;

namespace {

std::string mutated(std::string text, std::mt19937& random) {
  static const std::string spice = "\r\n: \t%\"\\{}[],;0123456789abcdefABCDEF/?chunkedmodel\0\xff\x80";
  const auto changes = 1 + random() % 6;
  for (unsigned i = 0; i < changes; ++i) {
    const auto at = text.empty() ? 0 : random() % text.size();
    const char c = spice[random() % spice.size()];
    switch (random() % 5) {
      case 0: text.insert(at, 1, c); break;
      case 1: if (!text.empty()) text[at] = c; break;
      case 2: text.erase(at, random() % 8); break;
      case 3: text.insert(at, text.substr(at, random() % 24)); break;
      case 4: text.resize(at); break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("no head breaks the parser, and what it accepts has no hidden line") {
  const std::vector<std::string> good{
      "POST /v1/chat/completions?x=%41 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nAuthorization: Bearer x",
      "GET /v1/models/a%2Fb HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked"};
  for (unsigned seed = 0; seed < 30000; ++seed) {
    std::mt19937 random(seed);
    const auto text = mutated(good[seed % good.size()], random);
    INFO("seed " << seed);
    (void)parse_response_head(text);
    const auto head = parse_request_head(text);
    if (!head) continue;
    REQUIRE(head->target[0] == '/');
    REQUIRE(head->path.find('\0') == std::string::npos);
    for (const auto& [name, value] : head->headers.all()) {
      REQUIRE(name.find_first_of(" \r\n:") == std::string::npos);
      REQUIRE(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
    const auto length = body_length(head->headers, true);
    if (length) REQUIRE((length->is_chunked != length->bytes.has_value()));
  }
}

TEST_CASE("no body breaks the search for its model, and what is replaced is what was found") {
  const std::string good = R"({"messages":[{"role":"user","content":"a \"model\": \u0041"}],"model":"default/smol","stop":["\\"],"n":1.5e3})";
  for (unsigned seed = 0; seed < 30000; ++seed) {
    std::mt19937 random(seed);
    const auto text = mutated(good, random);
    INFO("seed " << seed);
    const auto found = find_model(text);
    if (!found) continue;
    REQUIRE(found->end <= text.size());
    REQUIRE(text[found->begin] == '"');
    REQUIRE(text[found->end - 1] == '"');
    const auto again = find_model(with_model(text, *found, "other"));
    REQUIRE(again);
    REQUIRE(again->value == "other");
  }
}

TEST_CASE("no chunks break the reader, and it never gives more than it may") {
  const std::string good = "5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n";
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    const auto text = seed == 0 ? good : mutated(good, random);
    INFO("seed " << seed);
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    HttpSocket reading(ends[0]);
    {
      HttpSocket writing(ends[1]);
      REQUIRE(writing.write(text, std::chrono::milliseconds(100)));
    }
    HttpBody body(reading, BodyLength{true, std::nullopt}, {40, std::chrono::milliseconds(100), 0});
    const auto all = body.read_all();
    if (seed == 0) CHECK(*all == "helloabcdefghijklmnopqrstuvwxyz");
    if (all) REQUIRE(all->size() <= 40);
  }
}
