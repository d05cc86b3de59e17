#include <catch2/catch.hpp>

#include "actors/hub/hub_double_test.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

RemoteFile file_of(const Listing& listing, const std::string& path) {
  for (const auto& file : listing.files)
    if (file.path == path) return file;
  FAIL("no " + path);
  return {};
}

Error refusal_of(const HuggingFace& source) {
  const auto listing = list(source, quick());
  REQUIRE_FALSE(listing);
  return listing.error();
}

}  // namespace

TEST_CASE("a moving revision is pinned to its commit, and every page of the tree is read") {
  const HubDouble double_;
  const auto listing = list(double_.source(), quick());
  REQUIRE(listing);
  CHECK(listing->revision == commit);
  REQUIRE(listing->files.size() == 4);
  CHECK(listing->files[0].path == "a dir/été #1.txt");
  CHECK(file_of(*listing, "config.json").git_oid.size() == 40);
  CHECK(file_of(*listing, "config.json").sha256.empty());
  CHECK(file_of(*listing, "model.safetensors").sha256 == sha256_hex(double_.large.at("model.safetensors")));
  CHECK(file_of(*listing, "model.safetensors").size == 1'500'000);
  CHECK(double_.hub.count("/tree/" + commit) == 3);
  CHECK(double_.hub.count("cursor=%2B%3D%26") == 2);  // as the server had encoded it
}

TEST_CASE("a branch with slashes in its name is one revision") {
  const HubDouble double_;
  auto source = double_.source();
  source.revision = "refs/pr/1";
  CHECK(list(source, quick()));
  CHECK(double_.hub.count("/revision/refs%2Fpr%2F1") == 1);
}

TEST_CASE("every file of a listing arrives under its own digest") {
  const HubDouble double_;
  const TemporaryDirectory directory;
  const auto listing = list(double_.source(), quick());
  REQUIRE(listing);
  for (const auto& file : listing->files) {
    const auto digest = fetch(double_.source(), *listing, file, directory / file.path, quick());
    REQUIRE(digest);
    CHECK(*digest == sha256_hex(text_of(directory / file.path)));
  }
  CHECK(text_of(directory / "model.safetensors") == double_.large.at("model.safetensors"));
  CHECK(text_of(directory / "a dir/été #1.txt") == "accents\n");
  CHECK(count_of_files(directory.path()) == 4);  // three files and a directory: nothing is left behind
}

TEST_CASE("datasets and spaces have addresses of their own, and so has a mirror below a path") {
  for (const std::string type : {"dataset", "space"}) {
    HubDouble double_;
    double_.type = type;
    double_.prefix = "/mirror/hf";
    const TemporaryDirectory directory;
    const auto listing = list(double_.source(), quick());
    REQUIRE(listing);
    CHECK(fetch(double_.source(), *listing, file_of(*listing, "config.json"), directory / "config.json", quick()));
    CHECK(double_.hub.count("/mirror/hf/" + type + "s/owner/name/resolve/" + commit + "/config.json") == 1);
  }
}

TEST_CASE("the token goes to the hub and not to the host that the hub redirects to") {
  HubDouble double_;
  double_.token = "hf_secret";
  const TemporaryDirectory directory;
  const auto listing = list(double_.source(), quick());
  REQUIRE(listing);
  REQUIRE(fetch(double_.source(), *listing, file_of(*listing, "model.safetensors"), directory / "model", quick()));
  for (const auto& request : double_.hub.seen()) CHECK(request.header("Authorization") == "Bearer hf_secret");
  REQUIRE(double_.cdn.seen().size() == 1);
  CHECK(double_.cdn.seen()[0].header("Authorization").empty());
  CHECK(double_.cdn.seen()[0].target == "/model.safetensors?signature=secret");
}

TEST_CASE("missing, private, gated and wrongly named repositories are told apart, each with what to do") {
  HubDouble double_;
  double_.token = "hf_right";

  SECTION("private, and nobody asks: a token is needed") {
    auto source = double_.source();
    source.token.clear();
    const auto error = refusal_of(source);
    CHECK(error.code == ErrorCode::invalid);
    CHECK(error.field == "token_secret");
    CHECK(contains(error.message, "denied"));
    CHECK(contains(error.message, "model owner/name"));
  }
  SECTION("private, and somebody else asks: it is as if it were not there") {
    auto source = double_.source();
    source.token = "of-somebody-else";
    const auto error = refusal_of(source);
    CHECK(error.code == ErrorCode::not_found);
    CHECK(error.field == "repo_id");
    CHECK(contains(error.message, "private"));
  }
  SECTION("a token that the hub does not know") {
    auto source = double_.source();
    source.token = "hf_of_yesterday";
    const auto error = refusal_of(source);
    CHECK(error.code == ErrorCode::invalid);
    CHECK(error.field == "token_secret.value");
    CHECK_FALSE(contains(error.message, "hf_of_yesterday"));
  }
  SECTION("a token with a line break at its end") {
    auto source = double_.source();
    source.token += "\n";
    const auto error = refusal_of(source);
    CHECK(error.field == "token_secret.value");
    CHECK(contains(error.message, "line break"));
  }
  SECTION("gated, with the token of an account that has not accepted the terms: 403") {
    double_.is_gated = true;
    auto source = double_.source();
    source.token = "of-somebody-else";
    const auto error = refusal_of(source);
    CHECK(error.code == ErrorCode::invalid);
    CHECK(error.field == "terms");
    CHECK(contains(error.message, double_.hub.endpoint() + "/owner/name with the account of this token"));
  }
  SECTION("gated, without a token: 401") {
    double_.is_gated = true;
    auto source = double_.source();
    source.token.clear();
    const auto error = refusal_of(source);
    CHECK(error.field == "terms");
    CHECK(contains(error.message, "give a token of that account"));
  }
  SECTION("missing") {
    auto source = double_.source();
    source.repo_id = "owner/other";
    const auto error = refusal_of(source);
    CHECK(error.code == ErrorCode::not_found);
    CHECK(error.field == "repo_id");
    CHECK(contains(error.message, "owner/other"));
  }
  SECTION("there, but not this revision") {
    auto source = double_.source();
    source.revision = "v9";
    const auto error = refusal_of(source);
    CHECK(error.code == ErrorCode::not_found);
    CHECK(error.field == "revision");
    CHECK(contains(error.message, "\"v9\""));
  }
  SECTION("a mirror that only says 404") {
    double_.speaks_codes = false;
    auto source = double_.source();
    CHECK(list(source, quick()));
    source.revision = "v9";
    CHECK(refusal_of(source).field == "revision");
    source.repo_id = "owner/other";
    CHECK(refusal_of(source).field == "repo_id");
  }
}

TEST_CASE("a file that is not in the repository is not_found, with its name") {
  const HubDouble double_;
  const TemporaryDirectory directory;
  const auto digest = fetch(double_.source(), Listing{commit, {}}, {"missing.bin", 5, {}, {}, {}}, directory / "x", quick());
  REQUIRE_FALSE(digest);
  CHECK(digest.error().code == ErrorCode::not_found);
  CHECK(digest.error().field == "path");
  CHECK(contains(digest.error().message, "missing.bin"));
  CHECK(count_of_files(directory.path()) == 0);
}

TEST_CASE("terms that are no longer accepted in the middle of an import are asked for again") {
  HubDouble double_;
  double_.token = "hf_right";
  const TemporaryDirectory directory;
  const auto listing = list(double_.source(), quick());
  REQUIRE(listing);
  double_.is_gated = true;
  auto source = double_.source();
  source.token = "of-somebody-else";
  const auto digest = fetch(source, *listing, file_of(*listing, "config.json"), directory / "x", quick());
  REQUIRE_FALSE(digest);
  CHECK(digest.error().field == "terms");
}

TEST_CASE("what cannot be a repository, a type or an endpoint is refused before anything is sent") {
  const HubDouble double_;
  for (const std::string id : {"", "a/b/c", "../x", "a/..", "a b", "a/", "a?x=y"}) {
    auto source = double_.source();
    source.repo_id = id;
    CHECK(refusal_of(source).field == "repo_id");
  }
  auto source = double_.source();
  source.repo_type = "bucket";
  CHECK(refusal_of(source).field == "repo_type");
  source = double_.source();
  source.endpoint = "https://user:hunter2@huggingface.co";
  CHECK(refusal_of(source).field == "endpoint");
  CHECK_FALSE(contains(refusal_of(source).message, "hunter2"));
  CHECK(double_.hub.seen().empty());
}

TEST_CASE("names that leave their directory, and names that are in each other's way, are refused") {
  HubDouble double_;
  const auto with = [&](const std::string& entries) {
    double_.change_tree = [entries](httplib::Response& response) {
      response.headers.erase("Link");
      response.set_content("[" + entries + "]", "application/json");
    };
    return refusal_of(double_.source());
  };
  const auto named = [](const std::string& path) {
    return "{\"type\": \"file\", \"size\": 1, \"oid\": \"0\", \"path\": \"" + path + "\"}";
  };
  for (const std::string path : {"../evil", "/etc/passwd", "a/../../b", "a//b", "", "a\\u0000b", ".", "a\\nb"}) {
    const auto error = with(named(path));
    CHECK(error.code == ErrorCode::corrupt);
    CHECK(error.field == "path");
  }
  CHECK(contains(with(named("a") + "," + named("a")).message, "twice"));
  CHECK(contains(with(named("a") + "," + named("a.b") + "," + named("a/b")).message, "as a file and as a directory"));
  CHECK(contains(with("{\"type\": \"file\", \"path\": \"a\"}").message, "size"));
  CHECK(with("{\"type\": \"file\", \"path\": \"a\", \"size\": -5}").code == ErrorCode::corrupt);
}

TEST_CASE("listings that are no JSON, no list, too long or without an end are refused") {
  HubDouble double_;
  const auto with = [&](const std::string& body) {
    double_.change_tree = [body](httplib::Response& response) { response.set_content(body, "application/json"); };
    return refusal_of(double_.source());
  };
  CHECK(with("<html>").code == ErrorCode::unavailable);
  CHECK(contains(with("<html>").message, "is not JSON"));
  CHECK(with("{}").code == ErrorCode::unavailable);
  CHECK(with(std::string(17 << 20, ' ')).code == ErrorCode::limit);
  CHECK(with(std::string(1'000'000, '[')).code == ErrorCode::unavailable);

  double_.change_tree = [&](httplib::Response& response) {  // one page, again and again
    response.headers.erase("Link");
    response.set_header("Link", "</api/models/owner/name/tree/" + commit + ">; rel=\"next\"");
    response.set_content("[]", "application/json");
  };
  CHECK(refusal_of(double_.source()).code == ErrorCode::limit);

  double_.change_tree = [](httplib::Response&) {};
  auto transfer = quick();
  transfer.files_max = 3;
  const auto listing = list(double_.source(), transfer);
  REQUIRE_FALSE(listing);
  CHECK(listing.error().code == ErrorCode::limit);
  CHECK(listing.error().field == "files");
}

TEST_CASE("the next page on another host is read without the token") {
  HubDouble double_;
  double_.token = "hf_secret";
  const WebServer other([](const httplib::Request&, httplib::Response& response) { response.set_content("[]", "application/json"); });
  double_.change_tree = [&](httplib::Response& response) {
    response.headers.erase("Link");
    response.set_header("Link", "<" + other.endpoint() + "/next>; rel=\"next\"");
  };
  CHECK(list(double_.source(), quick()));
  REQUIRE(other.seen().size() == 1);
  CHECK(other.seen()[0].header("Authorization").empty());
}

TEST_CASE("what a server says is quoted without the token in it") {
  const WebServer server([](const httplib::Request& request, httplib::Response& response) {
    response.status = 403;
    response.set_header("X-Error-Message", "no: " + request.get_header_value("Authorization"));
  });
  const auto error = refusal_of({server.endpoint(), "owner/name", "model", "main", "hf_secret"});
  CHECK(error.field == "token_secret");
  CHECK(contains(error.message, "no: Bearer"));
  CHECK_FALSE(contains(error.message, "hf_secret"));
}

TEST_CASE("a commit that was asked for is the commit that is answered, or nothing is") {
  const WebServer server([](const httplib::Request&, httplib::Response& response) {
    response.set_content("{\"sha\": \"" + commit + "\"}", "application/json");
  });
  const auto error = refusal_of({server.endpoint(), "owner/name", "model", std::string(40, 'a'), {}});
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.field == "revision");
}

TEST_CASE("a hub that answers for another commit in the middle of an import is noticed") {
  const WebServer server([](const httplib::Request&, httplib::Response& response) {
    response.set_header("X-Repo-Commit", std::string(40, 'b'));
    response.set_content("hello", "text/plain");
  });
  const TemporaryDirectory directory;
  const auto digest = fetch(HuggingFace{server.endpoint(), "owner/name", "model", "main", {}}, Listing{commit, {}}, {"f", 5, {}, {}, {}},
                            directory / "f", quick());
  REQUIRE_FALSE(digest);
  CHECK(digest.error().code == ErrorCode::conflict);
}

TEST_CASE("a part of a file can be read alone") {
  const HubDouble double_;
  const auto listing = list(double_.source(), quick());
  REQUIRE(listing);
  const auto& bytes = double_.large.at("model.safetensors");
  const auto file = file_of(*listing, "model.safetensors");
  const auto read = [&](std::int64_t offset, std::int64_t length) {
    return read_range(double_.source(), *listing, file, offset, length, quick());
  };
  CHECK(*read(0, 8) == bytes.substr(0, 8));
  CHECK(*read(1'000'000, 500'000) == bytes.substr(1'000'000));
  CHECK(*read(1'500'000, 0) == "");
  CHECK(read(1'499'999, 2).error().code == ErrorCode::invalid);
  CHECK(read(-1, 1).error().code == ErrorCode::invalid);
  CHECK(*read_range(double_.source(), *listing, file_of(*listing, "config.json"), 1, 3, quick()) == "\"hi");
}
