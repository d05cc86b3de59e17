#include "actors/hub/tls.hpp"

#include <catch2/catch.hpp>

#include "actors/hub/servers_test.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

struct Encrypted {
  explicit Encrypted(const std::string& names) : certificate(names) { certificate.write(directory / "ca.pem"); }
  Result<std::string> get(const std::string& endpoint, bool is_trusted = true) {
    auto transfer = quick();
    if (is_trusted) transfer.ca_file = directory / "ca.pem";
    return fetch(HuggingFace{endpoint, "owner/name", "model", "main", "hf_secret"}, Listing{std::string(40, 'a'), {}},
                 {"f", 2'000'000, {}, {}, {}}, directory / "f", transfer);
  }
  TemporaryDirectory directory;
  Certificate certificate;
  WebServer server{[](const httplib::Request&, httplib::Response& response) { response.set_content(pattern(2'000'000), "text/plain"); },
                   certificate.server(), "https"};
};

}  // namespace

TEST_CASE("an encrypted host is read, by name and by address") {
  Encrypted encrypted("DNS:localhost,IP:127.0.0.1");
  CHECK(encrypted.get(encrypted.server.endpoint()));
  CHECK(encrypted.get(encrypted.server.endpoint_as_localhost()));
  CHECK(text_of(encrypted.directory / "f") == pattern(2'000'000));
}

TEST_CASE("a host whose certificate nobody vouches for gets no token, and is not asked again") {
  Encrypted encrypted("DNS:localhost,IP:127.0.0.1");
  const auto digest = encrypted.get(encrypted.server.endpoint(), false);
  REQUIRE_FALSE(digest);
  CHECK(digest.error().code == ErrorCode::invalid);
  CHECK(digest.error().field == "endpoint");
  CHECK(contains(digest.error().message, "SSL_CERT_FILE"));
  CHECK(encrypted.server.seen().empty());
}

TEST_CASE("a certificate of another host is not accepted") {
  Encrypted encrypted("DNS:example.com,IP:127.0.0.9");
  for (const auto& endpoint : {encrypted.server.endpoint(), encrypted.server.endpoint_as_localhost()}) {
    const auto digest = encrypted.get(endpoint);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().field == "endpoint");
    CHECK(contains(digest.error().message, "mismatch"));
  }
  CHECK(encrypted.server.seen().empty());
}

TEST_CASE("a host that does not speak TLS, and one that falls silent, are unavailable") {
  const bool is_silent = GENERATE(false, true);
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    while (is_silent && !self->is_over() && peer.is_open()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  self = &server;
  const WebServer plain([](const httplib::Request&, httplib::Response&) {});
  auto transfer = quick();
  transfer.attempts = 1;
  transfer.connect_timeout = std::chrono::milliseconds(300);
  const auto port = is_silent ? server.port() : plain.port();
  const auto listing = list(HuggingFace{"https://127.0.0.1:" + std::to_string(port), "owner/name", "model", "main", {}}, transfer);
  REQUIRE_FALSE(listing);
  CHECK(listing.error().code == ErrorCode::unavailable);
}

TEST_CASE("from an encrypted address no redirect to a plain one is followed") {
  const WebServer plain([](const httplib::Request&, httplib::Response& response) { response.set_content("hello", "text/plain"); });
  const Certificate certificate;
  const TemporaryDirectory directory;
  certificate.write(directory / "ca.pem");
  const WebServer server([&](const httplib::Request&, httplib::Response& response) { response.set_redirect(plain.endpoint() + "/x"); },
                         certificate.server(), "https");
  auto transfer = quick();
  transfer.ca_file = directory / "ca.pem";
  const auto digest = fetch(HuggingFace{server.endpoint(), "owner/name", "model", "main", {}}, Listing{std::string(40, 'a'), {}},
                            {"f", 5, {}, {}, {}}, directory / "f", transfer);
  REQUIRE_FALSE(digest);
  CHECK(contains(digest.error().message, "not encrypted"));
  CHECK(plain.seen().empty());
}
