#include "actors/auth/listen.hpp"

#include <catch2/catch.hpp>

#include "actors/auth/discovery.hpp"
#include "actors/auth/settings.hpp"
#include "actors/auth/url.hpp"

namespace luthier::auth {
namespace {

Settings with_issuer() {
  Settings settings;
  settings.enabled = true;
  settings.issuer = "https://login.example.com/realms/lab";
  settings.audiences = {"luthier"};
  return settings;
}

std::string field_refused(const Settings& settings) {
  const auto ok = check_settings(settings);
  return ok ? "" : ok.error().field;
}

}  // namespace

TEST_CASE("without authentication only the loopback is listened on, unless told so") {
  for (const auto* host : {"127.0.0.1", "127.255.0.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"}) {
    CHECK(is_loopback(host));
    CHECK(check_listen(host, false, false));
  }
  for (const auto* host : {"0.0.0.0", "::", "[::]", "", "192.168.1.5", "128.0.0.1", "127.0.0.1.example.com", "localhost.example.com", "127.1",
                           "2130706433", "::ffff:10.0.0.1", "fe80::1", "*", "[]", "[::1"}) {
    CHECK_FALSE(is_loopback(host));
    CHECK(check_listen(host, true, false));
    CHECK(check_listen(host, false, true));
    const auto refused = check_listen(host, false, false);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().field == "listen");
  }
  CHECK_FALSE(is_loopback(std::string_view("127.0.0.1\0.example.com", 22)));
}

TEST_CASE("a URL is taken apart, and what another reader might see in it is refused") {
  const auto url = parse_url("https://login.example.com:8443/realms/lab?x=1", "issuer");
  REQUIRE(url);
  CHECK(url->origin == "https://login.example.com:8443");
  CHECK(url->host == "login.example.com");
  CHECK(url->target == "/realms/lab?x=1");
  CHECK(url->is_secure);
  CHECK(parse_url("http://[::1]:80", "x")->host == "::1");
  CHECK(parse_url("http://a", "x")->target == "/");
  CHECK(parse_url("http://a?q", "x")->target == "/?q");
  for (const auto* text : {"", "ftp://a/", "https://", "https:///x", "https://a b/", "https://user@host/", "https://u:p@host/", "https://a:/",
                           "https://a:x/", "https://a:123456/", "https://a#f", "https://a\\b", "https://[::1/", "https://a/\n", "HTTPS://a/",
                           "https://\xc3\xa4/"})
    CHECK_FALSE(parse_url(text, "issuer"));
  CHECK_FALSE(parse_url("https://a/" + std::string(3000, 'x'), "issuer"));
}

TEST_CASE("keys come by https, or by http on the loopback") {
  CHECK(parse_trusted_url("https://a/", "issuer", false));
  CHECK(parse_trusted_url("http://127.0.0.1:9/", "issuer", false));
  CHECK(parse_trusted_url("http://a/", "issuer", true));
  CHECK(parse_trusted_url("http://a/", "issuer", false).error().field == "issuer");
}

TEST_CASE("settings that would let nobody in, or too many, are refused by the name of the member") {
  CHECK(field_refused({}).empty());
  CHECK(field_refused(with_issuer()).empty());
  Settings tokens_only;
  tokens_only.enabled = true;
  CHECK(field_refused(tokens_only) == "auth");
  tokens_only.token_file = "keys/tokens.json";
  CHECK(field_refused(tokens_only).empty());
  tokens_only.jwks = "keys.json";
  CHECK(field_refused(tokens_only) == "issuer");
  const auto changed = [](auto change) {
    auto settings = with_issuer();
    change(settings);
    return field_refused(settings);
  };
  CHECK(changed([](Settings& s) { s.audiences.clear(); }) == "audiences");
  CHECK(changed([](Settings& s) { s.audiences = {""}; }) == "audiences");
  CHECK(changed([](Settings& s) { s.issuer = "http://login.example.com"; }) == "issuer");
  CHECK(changed([](Settings& s) { s.issuer += "?x"; }) == "issuer");
  CHECK(changed([](Settings& s) { s.client_id = ""; }) == "client_id");
  CHECK(changed([](Settings& s) { s.jwks = "http://example.com/keys"; }) == "jwks");
  CHECK(changed([](Settings& s) { s.jwks = "keys.json"; }).empty());
  CHECK(changed([](Settings& s) { s.admins = {"group:ops", "ada"}; }).empty());
  CHECK(changed([](Settings& s) { s.admins = {"*"}; }) == "admins");
  CHECK(changed([](Settings& s) { s.services = {"system"}; }) == "services");
  CHECK(changed([](Settings& s) { s.services = {"service:ci", "0815"}; }).empty());
  CHECK(changed([](Settings& s) { s.speakers = {"worker:a"}; }) == "speakers");
  CHECK(changed([](Settings& s) { s.speakers = std::vector<std::string>(1001, "a"); }) == "speakers");
}

TEST_CASE("the discovery document says how to log in") {
  CHECK(discovery_document({}, {}) == R"({"auth_enabled":false,"oidc":null})");
  Settings tokens_only;
  tokens_only.enabled = true;
  CHECK(discovery_document(tokens_only, {}) == R"({"auth_enabled":true,"oidc":null})");
  auto off = with_issuer();
  off.enabled = false;
  CHECK(discovery_document(off, {}) == R"({"auth_enabled":false,"oidc":null})");
  CHECK(discovery_document(with_issuer(), Provider{"k", "https://a/auth", "https://a/token", "", "https://a/me"}) ==
        R"({"auth_enabled":true,"oidc":{"issuer":"https://login.example.com/realms/lab","authorization_endpoint":"https://a/auth",)"
        R"("token_endpoint":"https://a/token","device_authorization_endpoint":null,"userinfo_endpoint":"https://a/me","client_id":"luthier",)"
        R"("default_scopes":"openid profile email","scope_prefix":null}})");
}

}  // namespace luthier::auth
