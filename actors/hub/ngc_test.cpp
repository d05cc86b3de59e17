#include <catch2/catch.hpp>

#include "actors/hub/digests.hpp"
#include "actors/hub/servers_test.hpp"
#include "events/base/sha256.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

// A registry with the model org/team/name of version 1.0, whose files are on another host, and a host that gives tokens for old keys.
struct RegistryDouble {
  std::string bytes = pattern(300'000), token = "nvapi-right", answer_with = "urls";
  int refusal = 0;
  WebServer storage{
      [this](const httplib::Request&, httplib::Response& response) { response.set_content(bytes, "application/octet-stream"); }};
  WebServer tokens{[this](const httplib::Request& request, httplib::Response& response) {
    if (request.get_header_value("Authorization") != "Basic " + base64_encoded("$oauthtoken:old-key")) {
      response.status = 401;
      return;
    }
    response.set_content("{\"token\": \"" + token + "\", \"expires_in\": 600}", "application/json");
  }};
  WebServer server{[this](const httplib::Request& request, httplib::Response& response) { answer(request, response); }};

  Ngc source() const { return {server.endpoint(), "org", "team", "name", "model", "", token, tokens.endpoint() + "/token"}; }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    const auto base = std::string("/v2/org/org/team/team/models/name");
    if (refusal != 0 || request.get_header_value("Authorization") != "Bearer " + token) {
      response.status = refusal != 0 ? refusal : 401;
    } else if (request.path == base) {
      response.set_content(R"({"model": {"name": "name", "latestVersionIdStr": "1.0"}, "requestStatus": {"statusCode": "SUCCESS"}})",
                           "application/json");
    } else if (request.path == base + "/versions/1.0/files") {
      const bool is_first = !request.has_param("page-number");
      const auto digest = hex_to_base64(sha256_hex(bytes));
      const auto files = is_first ? "{\"path\": \"dir/model.nemo\", \"sizeInBytes\": " + std::to_string(bytes.size()) +
                                        ", \"sha256_base64\": \"" + digest + "\"}"
                                  : std::string("{\"path\": \"readme\", \"sizeInBytes\": 1}");
      response.set_content("{\"modelFiles\": [" + files + "], \"paginationInfo\": {\"index\": 0, \"totalPages\": 2}}", "application/json");
    } else if (request.path == base + "/1.0/files" && request.get_param_value("path") == "dir/model.nemo") {
      if (answer_with == "urls")
        response.set_content("{\"urls\": [\"" + storage.endpoint_as_localhost() + "/x?signature=s\"], \"filepath\": [\"dir/model.nemo\"]}",
                             "application/json");
      if (answer_with == "redirect") response.set_redirect(storage.endpoint_as_localhost() + "/x?signature=s");
      if (answer_with == "nothing") response.set_content("{\"urls\": []}", "application/json");
    } else {
      response.status = 404;
    }
  }
  static std::string hex_to_base64(const std::string& hex) {
    std::string raw;
    for (std::size_t i = 0; i < hex.size(); i += 2) raw += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return base64_encoded(raw);
  }
};

Error refusal_of(const Ngc& source) {
  const auto listing = list(source, quick());
  REQUIRE_FALSE(listing);
  return listing.error();
}

}  // namespace

TEST_CASE("the latest version is pinned, and its files are listed page by page") {
  const RegistryDouble registry;
  const auto listing = list(registry.source(), quick());
  REQUIRE(listing);
  CHECK(listing->revision == "1.0");
  REQUIRE(listing->files.size() == 2);
  CHECK(listing->files[0] == RemoteFile{"dir/model.nemo", 300'000, sha256_hex(registry.bytes), {}, {}});
  CHECK(listing->files[1] == RemoteFile{"readme", 1, {}, {}, {}});
  CHECK(registry.tokens.seen().empty());  // a new key is the token
}

TEST_CASE("content comes from another host, which does not see the key") {
  RegistryDouble registry;
  registry.answer_with = GENERATE("urls", "redirect");
  const TemporaryDirectory directory;
  const auto listing = list(registry.source(), quick());
  REQUIRE(listing);
  const auto digest = fetch(registry.source(), *listing, listing->files[0], directory / "m", quick());
  REQUIRE(digest);
  CHECK(text_of(directory / "m") == registry.bytes);
  REQUIRE(registry.storage.seen().size() == 1);
  CHECK(registry.storage.seen()[0].target == "/x?signature=s");
  CHECK(registry.storage.seen()[0].header("Authorization").empty());
}

TEST_CASE("an old key is exchanged for a token, and only where that is done") {
  RegistryDouble registry;
  registry.token = "of-an-hour";
  auto source = registry.source();
  source.api_key = "old-key";
  CHECK(list(source, quick()));
  REQUIRE(registry.tokens.seen().size() == 1);
  CHECK(registry.tokens.seen()[0].target == "/token?service=ngc&scope=group/ngc:org&scope=group/ngc:org/team");
  for (const auto& request : registry.server.seen()) CHECK(request.header("Authorization") == "Bearer of-an-hour");
  source.api_key = "older-key";
  CHECK(refusal_of(source).field == "api_key_secret.value");
}

TEST_CASE("refusals of a registry are told apart, each with what to do") {
  RegistryDouble registry;
  auto source = registry.source();
  source.api_key = "nvapi-wrong";
  CHECK(refusal_of(source).field == "api_key_secret.value");
  CHECK_FALSE(contains(refusal_of(source).message, "nvapi-wrong"));
  source.api_key.clear();
  CHECK(refusal_of(source).field == "api_key_secret");
  source = registry.source();
  source.target = "other";
  CHECK(refusal_of(source).code == ErrorCode::not_found);
  CHECK(refusal_of(source).field == "target");
  source.version = "1.0";
  CHECK(refusal_of(source).field == "target");
  source = registry.source();
  source.version = "9.9";
  CHECK(refusal_of(source).code == ErrorCode::not_found);
  CHECK(refusal_of(source).field == "version");
  registry.refusal = 403;
  CHECK(refusal_of(registry.source()).field == "api_key_secret");
  registry.refusal = 412;
  CHECK(refusal_of(registry.source()).field == "terms");
  CHECK(contains(refusal_of(registry.source()).message, "/orgs/org/teams/team/models/name"));
}

TEST_CASE("a registry that does not say where content is, or no longer has it, is told") {
  RegistryDouble registry;
  const TemporaryDirectory directory;
  registry.answer_with = "nothing";
  const auto lost = fetch(registry.source(), Listing{"1.0", {}}, {"dir/model.nemo", 3, {}, {}, {}}, directory / "m", quick());
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::unavailable);
  const auto gone = fetch(registry.source(), Listing{"1.0", {}}, {"gone", 3, {}, {}, {}}, directory / "m", quick());
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::not_found);
  CHECK(gone.error().field == "path");
}

TEST_CASE("names that NGC cannot have are refused before anything is sent") {
  const RegistryDouble registry;
  auto source = registry.source();
  source.org = "a/b";
  CHECK(refusal_of(source).field == "org");
  source = registry.source();
  source.team = "..";
  CHECK(refusal_of(source).field == "team");
  source = registry.source();
  source.target_type = "image";
  CHECK(refusal_of(source).field == "target_type");
  CHECK(registry.server.seen().empty());
}
