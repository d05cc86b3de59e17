#include "actors/auth/authenticate.hpp"

#include <thread>

#include "actors/auth/access.hpp"
#include "actors/auth/issuer_test.hpp"
#include "actors/auth/token_text.hpp"
#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::auth {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string lower(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

HeaderLookup lookup(const Headers& headers) {
  return [headers](std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [key, value] : headers)
      if (lower(key) == lower(std::string(name))) values.push_back(value);
    return values;
  };
}

struct World {
  TemporaryDirectory directory;
  Settings settings = make_settings();
  TokenStore tokens{directory / "keys" / "tokens.json"};
  JwksCache keys = make_keys();

  Settings make_settings() const {
    Settings made;
    made.enabled = true;
    made.token_file = directory / "keys" / "tokens.json";
    made.issuer = test_issuer;
    made.audiences = {"luthier"};
    made.jwks = directory / "keys.json";
    made.admins = {"root", "group:ops"};
    made.services = {"service:ci", "machine-7"};
    made.speakers = {"service:gateway", "machine-7", "ada"};
    return made;
  }
  JwksCache make_keys() const {
    REQUIRE(write_file_durably(settings.jwks, test_key_set()));
    return JwksCache(jwks_options(settings));
  }

  std::string token_of(const std::string& principal, std::vector<Grant> scopes = {{"*", Role::editor}}) {
    static int count = 0;
    const auto made = tokens.create({"t" + std::to_string(++count), principal, std::move(scopes), {}}, test_now);
    REQUIRE(made);
    return made->text;
  }
  Authenticated ask(const Headers& headers) { return authenticate(settings, lookup(headers), &tokens, &keys, test_now); }
  Authenticated with(const std::string& bearer, Headers more = {}) {
    more.emplace_back("Authorization", "Bearer " + bearer);
    return ask(more);
  }
  Principal principal(const Authenticated& authenticated) {
    const auto* refusal = std::get_if<Refusal>(&authenticated);
    INFO((refusal ? refusal->message : ""));
    REQUIRE_FALSE(refusal);
    return std::get<Principal>(authenticated);
  }
};

int status(const Authenticated& authenticated) {
  const auto* refusal = std::get_if<Refusal>(&authenticated);
  if (!refusal) return 200;
  CHECK_FALSE(refusal->message.empty());
  CHECK(refusal->www_authenticate().empty() == (refusal->http_status() != 401));
  return refusal->http_status();
}

}  // namespace

TEST_CASE("with authentication off everyone is all-powerful, whatever the Authorization header says") {
  const Settings off;
  const auto ask = [&](const Headers& headers) { return authenticate(off, lookup(headers), nullptr, nullptr, test_now); };
  for (const auto* value : {"", "Bearer not-needed", "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic eDp5", "Bearer service:x", "lth_x"}) {
    const auto authenticated = ask({{"Authorization", value}});
    const auto* principal = std::get_if<Principal>(&authenticated);
    REQUIRE(principal);
    CHECK(principal->id.empty());
    CHECK(may(*principal, Action::administer, "", {}));
    CHECK(may(*principal, Action::manage_workspace, "lab", {}));
  }
  const auto service = std::get<Principal>(ask({{"x-nmp-principal-id", "service:builder"}, {"X-NMP-Principal-Groups", "a, b,"}}));
  CHECK(service.id == "service:builder");
  CHECK(service.is_service);
  CHECK(service.is_admin);
  CHECK(service.groups == std::vector<std::string>{"a", "b"});
  const auto person = std::get<Principal>(ask({{"X-NMP-Principal-Id", "ada@example.com"}}));
  CHECK_FALSE(person.is_service);
  CHECK(person.is_admin);
}

TEST_CASE("a malformed principal header is refused as such, also with authentication off") {
  const Settings off;
  World world;
  const auto token = world.token_of("service:gateway");
  const Headers malformed = {{"X-NMP-Principal-Id", ""},
                             {"X-NMP-Principal-Id", "a\nb"},
                             {"X-NMP-Principal-Id", std::string(129, 'a')},
                             {"X-NMP-Principal-Id", "\xff"},
                             {"X-NMP-Principal-Id", "system"},
                             {"X-NMP-Principal-Id", "worker:a"},
                             {"X-NMP-Principal-Email", "a\x7f"},
                             {"X-NMP-Principal-On-Behalf-Of", ""},
                             {"X-NMP-Principal-On-Behalf-Of", "group:x"},
                             {"X-NMP-Principal-Groups", "a,\x01"},
                             {"X-NMP-Principal-Groups", std::string(129, 'g')}};
  for (const auto& [name, value] : malformed) {
    CHECK(status(authenticate(off, lookup({{name, value}}), nullptr, nullptr, test_now)) == 400);
    CHECK(status(world.with(token, {{name, value}})) == 400);
    CHECK(status(world.ask({{name, value}})) == 401);  // nobody in particular learns nothing
  }
  CHECK(status(authenticate(off, lookup({{"X-NMP-Principal-Id", "a"}, {"x-nmp-principal-id", "b"}}), nullptr, nullptr, test_now)) == 400);
  std::string many;
  for (int i = 0; i < 501; ++i) many += "g" + std::to_string(i) + ",";
  CHECK(status(authenticate(off, lookup({{"X-NMP-Principal-Groups", many}}), nullptr, nullptr, test_now)) == 400);
}

TEST_CASE("a token gives its principal, its grants and their limit") {
  World world;
  const auto principal = world.principal(world.with(world.token_of("ada", {{"default", Role::viewer}})));
  CHECK(principal.id == "ada");
  CHECK_FALSE(principal.is_service);
  CHECK(may(principal, Action::read, "default", {}));
  CHECK_FALSE(may(principal, Action::write, "default", {}));
  CHECK_FALSE(may_see(principal, "lab", {{"ada", {"Admin"}}}));
  CHECK(world.principal(world.with(world.token_of("service:builder"))).is_service);
  const auto root = world.principal(world.with(world.token_of("root", {{"default", Role::viewer}})));
  CHECK_FALSE(may(root, Action::write, "default", {}));
  CHECK(world.principal(world.ask({{"authorization", "BEARER  " + world.token_of("ada")}})).id == "ada");
}

TEST_CASE("a JWT gives its subject, confirmed address and groups") {
  World world;
  const auto ada = world.principal(world.with(rs256(payload_with(R"(,"email":"ada@example.com","email_verified":true,"groups":["lab"])"))));
  CHECK(ada.id == "ada");
  CHECK(ada.email == "ada@example.com");
  CHECK(ada.email_is_verified);
  CHECK(ada.groups == std::vector<std::string>{"lab"});
  CHECK_FALSE(ada.is_admin);
  CHECK_FALSE(ada.limits);
  CHECK_FALSE(world.principal(world.with(es256(payload_with(R"(,"email":"ada@example.com")")))).email_is_verified);
  world.settings.trusts_unverified_email = true;
  CHECK(world.principal(world.with(es256(payload_with(R"(,"email":"ada@example.com")")))).email_is_verified);
  CHECK_FALSE(world.principal(world.with(es256(payload_with()))).email_is_verified);
  CHECK(world.principal(world.with(es256(payload_with(R"(,"email":"group:ops")")))).email.empty());
}

TEST_CASE("admins are named by id or group") {
  World world;
  CHECK(world.principal(world.with(rs256(payload_with("", "root")))).is_admin);
  CHECK(world.principal(world.with(rs256(payload_with(R"(,"groups":["x","ops"])")))).is_admin);
  CHECK_FALSE(world.principal(world.with(rs256(payload_with(R"(,"groups":["group:ops"])", "Root")))).is_admin);
}

TEST_CASE("no subject of the issuer is a service or a part of Luthier, unless it is named") {
  World world;
  for (const auto* subject : {"system", "worker:a", "group:ops", "*", "service:builder", " ada", "a\\u0000b", "a\\nb"})
    CHECK(status(world.with(rs256(payload_with("", subject)))) == 401);
  CHECK(status(world.with(rs256(payload_with("", std::string(129, 'a'))))) == 401);
  CHECK(world.principal(world.with(rs256(payload_with("", "service:ci")))).is_service);
  CHECK(world.principal(world.with(rs256(payload_with("", "machine-7")))).is_service);
}

TEST_CASE("whatever is not a good token is refused with 401, and not repeated") {
  World world;
  auto cut = world.token_of("ada");
  cut.pop_back();
  const std::vector<Headers> all = {
      {},
      {{"Authorization", ""}},
      {{"Authorization", "Bearer"}},
      {{"Authorization", "Bearer "}},
      {{"Authorization", "Bearer    "}},
      {{"Authorization", "Basic YTpi"}},
      {{"Authorization", "Bearer secret-words"}},
      {{"Authorization", "Bearer secret words"}},
      {{"Authorization", "Bearer service:builder"}},
      {{"Authorization", "Bearer " + cut}},
      {{"Authorization", "Bearer " + *make_token_text()}},
      {{"Authorization", "Bearer " + rs256(payload_with()) + "x"}},
      {{"Authorization", "Bearer " + base64url(R"({"alg":"none"})") + "." + base64url(payload_with()) + "."}},
      {{"Authorization", "Bearer " + std::string(1 << 20, 'a')}},
      {{"Authorization", "Bearer " + world.token_of("ada")}, {"authorization", "Bearer " + world.token_of("eve")}},
      {{"X-NMP-Principal-Id", "ada"}},
      {{"X-NMP-Principal-Id", "service:builder"}},
  };
  for (const auto& headers : all) {
    const auto authenticated = world.ask(headers);
    CHECK(status(authenticated) == 401);
    CHECK(std::get<Refusal>(authenticated).message.find("secret") == std::string::npos);
    CHECK(std::get<Refusal>(authenticated).message.find("lth_") == std::string::npos);
    CHECK(std::get<Refusal>(authenticated).message.size() < 200);
  }
}

TEST_CASE("a token of a kind that is not configured is refused") {
  World world;
  const auto by_token = lookup({{"Authorization", "Bearer " + world.token_of("ada")}});
  CHECK(status(authenticate(world.settings, by_token, nullptr, &world.keys, test_now)) == 401);
  const auto jwt = rs256(payload_with());
  const auto by_jwt = lookup({{"Authorization", "Bearer " + jwt}});
  CHECK(status(authenticate(world.settings, by_jwt, &world.tokens, nullptr, test_now)) == 401);
  world.settings.issuer.clear();
  CHECK(status(world.with(jwt)) == 401);
}

TEST_CASE("what the server cannot read is its own trouble: 503, with the reason for the log alone") {
  World world;
  const auto token = world.token_of("ada");
  std::filesystem::permissions(world.settings.token_file, std::filesystem::perms(0644));
  const auto by_token = world.with(token);
  CHECK(status(by_token) == 503);
  CHECK(std::get<Refusal>(by_token).message.find(world.directory.path().string()) == std::string::npos);
  CHECK_THAT(std::get<Refusal>(by_token).detail, Catch::Matchers::Contains("chmod 600"));
  auto options = jwks_options(world.settings);
  options.source = world.directory / "absent.json";
  JwksCache empty(options);
  const auto headers = lookup({{"Authorization", "Bearer " + rs256(payload_with())}});
  const auto by_jwt = authenticate(world.settings, headers, &world.tokens, &empty, test_now);
  CHECK(status(by_jwt) == 503);
  CHECK_THAT(std::get<Refusal>(by_jwt).detail, Catch::Matchers::Contains("absent.json"));
}

TEST_CASE("only a service that is a speaker may speak for another") {
  World world;
  const auto gateway = world.token_of("service:gateway", {{"lab", Role::editor}});
  const auto other = world.token_of("service:other"), ada = world.token_of("ada");
  const Members lab{{"vera", {"Viewer"}}, {"boss", {"Admin"}}, {"group:staff", {"Editor"}}};

  const auto vera = world.principal(world.with(gateway, {{"X-NMP-Principal-Id", "vera"}}));
  CHECK(vera.id == "vera");
  CHECK_FALSE(vera.is_service);
  CHECK(role_in(vera, "lab", lab) == Role::viewer);
  CHECK_FALSE(may_see(vera, "default", {}));  // not within what the gateway may
  const auto boss = world.principal(world.with(gateway, {{"X-NMP-Principal-Id", "boss"}}));
  CHECK(role_in(boss, "lab", lab) == Role::editor);
  const auto root = world.principal(world.with(gateway, {{"X-NMP-Principal-Id", "root"}}));
  CHECK(role_in(root, "lab", lab) == Role::editor);
  CHECK_FALSE(may(root, Action::administer, "", {}));
  const auto staff = world.principal(world.with(gateway, {{"X-NMP-Principal-Id", "x"}, {"X-NMP-Principal-Groups", "staff"}}));
  CHECK(role_in(staff, "lab", lab) == Role::editor);

  const auto acting = world.principal(world.with(gateway, {{"X-NMP-Principal-On-Behalf-Of", "vera"}}));
  CHECK(acting.id == "service:gateway");
  CHECK(acting.is_service);
  CHECK(acting.on_behalf_of == "vera");
  CHECK_FALSE(may(acting, Action::read_secret, "lab", lab));
  const auto stranger = world.principal(world.with(gateway, {{"X-NMP-Principal-On-Behalf-Of", "eve"}}));
  CHECK_FALSE(may_see(stranger, "lab", lab));

  for (const auto& speaker : {other, ada}) {  // ada is named as a speaker, but is no service
    CHECK(status(world.with(speaker, {{"X-NMP-Principal-Id", "vera"}})) == 403);
    CHECK(status(world.with(speaker, {{"X-NMP-Principal-On-Behalf-Of", "vera"}})) == 403);
  }
  CHECK(status(world.with(rs256(payload_with()), {{"X-NMP-Principal-Id", "vera"}})) == 403);
  CHECK(status(world.with(gateway, {{"X-NMP-Principal-Id", "service:other"}})) == 403);
  CHECK(world.principal(world.with(rs256(payload_with("", "machine-7")), {{"X-NMP-Principal-Id", "vera"}})).id == "vera");
}

TEST_CASE("a principal that names itself is itself, and its other headers give it nothing") {
  World world;
  const auto ada = world.principal(world.with(rs256(payload_with()), {{"X-NMP-Principal-Id", "ada"},
                                                                      {"X-NMP-Principal-Groups", "ops"},
                                                                      {"X-NMP-Principal-Email", "boss@example.com"}}));
  CHECK(ada.id == "ada");
  CHECK(ada.groups.empty());
  CHECK(ada.email.empty());
  CHECK_FALSE(ada.is_admin);
}

TEST_CASE("many threads authenticate at once") {
  World world;
  const auto token = world.token_of("ada"), jwt = es256(payload_with("", "ben"));
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 50; ++n) {
        const auto authenticated = world.with(i % 2 ? token : jwt);
        const auto* principal = std::get_if<Principal>(&authenticated);
        good += principal && principal->id == (i % 2 ? "ada" : "ben");
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(good == 400);
}

}  // namespace luthier::auth
