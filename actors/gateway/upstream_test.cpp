#include "actors/gateway/upstream.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "actors/gateway/http_server.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::gateway {

TEST_CASE("an upstream's address is a scheme, a host, a port and a path") {
  const auto plain = parse_upstream_address("http://127.0.0.1:41234");
  REQUIRE(plain);
  CHECK(!plain->is_tls);
  CHECK(plain->host == "127.0.0.1");
  CHECK(plain->port == 41234);
  CHECK(plain->path.empty());
  CHECK(plain->authority() == "127.0.0.1:41234");

  const auto external = parse_upstream_address("HTTPS://integrate.example.com/v1/");
  REQUIRE(external);
  CHECK(external->is_tls);
  CHECK(external->port == 443);
  CHECK(external->path == "/v1");
  CHECK(external->authority() == "integrate.example.com");

  const auto six = parse_upstream_address("http://[::1]:8000/a");
  REQUIRE(six);
  CHECK(six->host == "::1");
  CHECK(six->authority() == "[::1]:8000");
}

TEST_CASE("what is no upstream's address is refused") {
  for (const char* url : {"", "127.0.0.1:80", "ftp://host", "http://", "http://host:0", "http://host:99999", "http://host:x", "http://[::1", "http://[::1]x",
                          "http://me:secret@host", "http://host/?q=1", "http://host/#a", "http://ho st", "http://:80"})
    CHECK_FALSE(parse_upstream_address(url));
}

TEST_CASE("headers of one connection do not go on to the next") {
  HttpHeaders headers;
  for (const char* name : {"Content-Type", "connection", "Transfer-Encoding", "content-length", "Keep-Alive", "X-Custom"}) headers.add(name, "v");
  const auto kept = end_to_end(headers);
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].first == "Content-Type");
  CHECK(kept[1].first == "X-Custom");
}

TEST_CASE("an upstream that is not there is unavailable, by its host") {
  const auto asked = UpstreamExchange::ask({false, "127.0.0.1", 1, ""}, {"GET", "/v1/models", {}, ""}, {std::chrono::milliseconds(500)});
  REQUIRE_FALSE(asked);
  CHECK(asked.error().code == ErrorCode::unavailable);
  CHECK(asked.error().field == "host");
}

TEST_CASE("a request with a line end in a header is none") {
  const auto asked = UpstreamExchange::ask({false, "127.0.0.1", 1, ""}, {"GET", "/", {{"X-Key", "a\r\nX-Other: b"}}, ""}, {});
  REQUIRE_FALSE(asked);
  CHECK(asked.error().code == ErrorCode::invalid);
}

TEST_CASE("an upstream with a certificate that is trusted is asked over TLS, and another one is not") {
  const TemporaryDirectory held;
  const auto certificate = held.path() / "certificate.pem", key = held.path() / "key.pem", other = held.path() / "other.pem";
  for (const auto& [to, name] : {std::pair{certificate, "IP:127.0.0.1"}, {other, "DNS:elsewhere.example"}})
    REQUIRE(std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=" +
                         std::string(name) + " -keyout " + key.string() + (to == other ? ".other" : "") + " -out " + to.string() + " 2>/dev/null")
                            .c_str()) == 0);
  ::setenv("SSL_CERT_FILE", certificate.c_str(), 1);  // read once, by the first of these connections in the process
  const auto serve = [](const std::filesystem::path& of, const std::string& with) {
    GatewayOptions options;
    options.tls_certificate_file = of;
    options.tls_key_file = with;
    return HttpServer::start(options, [](Exchange& exchange) {
      const auto body = exchange.body().read_all();
      exchange.answer(200, "text/plain", exchange.request.method + " " + exchange.request.target + " " + (body ? *body : ""), {{"X-Extra", "1"}});
    });
  };
  auto trusted = serve(certificate, key.string()), stranger = serve(other, key.string() + ".other");
  REQUIRE(trusted);
  REQUIRE(stranger);
  const auto asked = UpstreamExchange::ask({true, "127.0.0.1", (*trusted)->port(), ""}, {"POST", "/v1/x?y=1", {{"X-Team", "us"}}, "hello"}, {});
  REQUIRE(asked);
  CHECK((*asked)->head().status == 200);
  CHECK(*(*asked)->head().headers.find("X-Extra") == "1");
  CHECK(*(*asked)->read_all(100) == "POST /v1/x?y=1 hello");
  CHECK((*asked)->is_complete());
  const auto refused = UpstreamExchange::ask({true, "127.0.0.1", (*stranger)->port(), ""}, {"GET", "/", {}, ""}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "host");
}

TEST_CASE("an answer that is longer than wanted is refused, and its beginning can be had") {
  auto server = HttpServer::start({}, [](Exchange& exchange) { exchange.answer(404, "text/plain", std::string(100, 'x')); });
  REQUIRE(server);
  const UpstreamAddress address{false, "127.0.0.1", (*server)->port(), ""};
  const auto one = UpstreamExchange::ask(address, {"GET", "/", {}, ""}, {});
  REQUIRE(one);
  CHECK((*one)->read_all(99).error().code == ErrorCode::limit);
  const auto other = UpstreamExchange::ask(address, {"GET", "/", {}, ""}, {});
  CHECK((*other)->read_beginning(10) == std::string(10, 'x'));
}

}  // namespace luthier::gateway
