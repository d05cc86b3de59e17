// Filesets whose files are elsewhere, over HTTP: what their creation finds out, and how files are shown and read that are not here.
#include <fstream>

#include "actors/api/api_fixture_test.hpp"
#include "actors/api/secret_values.hpp"
#include "actors/hub/hub_double_test.hpp"

namespace luthier::api {
namespace {

using rest::Json;

const std::string filesets = "/apis/files/v2/workspaces/default/filesets";

struct FixedSecrets final : SecretValues {
  std::string token = "right";
  std::string box(const std::string& value) override { return value; }
  Result<std::string> value(const std::string&, const std::string&) override { return token; }
  Result<std::size_t> rotate() override { return std::size_t{0}; }
};

// A server that may ask one hub, with a secret "default/token".
struct Outside {
  hub::HubDouble hub;
  FixedSecrets secrets;
  ApiFixture f;

  Outside() {
    f.settings.external_hosts = {hub.hub.endpoint()};
    f.settings.hub_endpoint = hub.hub.endpoint();
    f.secrets = &secrets;
    f.open();
    events::Request request;
    request.key = {"system", "default", "secret"};
    request.entity = "secret";
    request.name = "token";
    request.command = events::CreateSecret{{}, "", events::SealedValue{"key", "cipher"}};
    REQUIRE(f.platform.submit(request));
  }

  Reply create(const std::string& storage, const std::string& more = "") {
    return f.call("POST", filesets, R"({"name":"far","storage":{"type":"huggingface","repo_id":"owner/name")" + storage + "}" + more + "}");
  }
  std::string refusal(const std::string& storage, int status = 400) {
    const auto reply = create(storage);
    CHECK(reply.status == status);
    CHECK(f.call("GET", filesets + "/far").status == 404);
    return reply.detail();
  }
};

std::string path_of(const Json& file) { return file["path"]; }

}  // namespace

TEST_CASE("a fileset from a hub is pinned to the commit that its branch has, and says what was asked for") {
  Outside o;
  const auto made = o.create("").json();
  CHECK(made["storage"]["revision"] == hub::commit);
  CHECK(made["storage"]["original_revision"] == "main");
  CHECK(made["storage"]["endpoint"] == o.hub.hub.endpoint());
  CHECK_FALSE(made.contains("import"));
  CHECK(o.f.call("GET", filesets + "/far").json() == made);
}

TEST_CASE("private, gated, wrong and missing are told apart, each with what would help") {
  Outside o;
  o.hub.token = "right";
  CHECK(o.refusal("").find("denied: it is private, or does not exist; give as token_secret") != std::string::npos);
  o.secrets.token = "of-somebody-else";
  CHECK(o.refusal(R"(,"token_secret":"token")").find("there is no such repository, or it is private and the account of this token") != std::string::npos);
  o.secrets.token = "revoked";
  CHECK(o.refusal(R"(,"token_secret":"token")").find("wrong: the hub does not know this token") != std::string::npos);
  o.hub.is_gated = true;
  CHECK(o.refusal("").find("gated: accept its terms at " + o.hub.hub.endpoint() + "/owner/name") != std::string::npos);
  o.secrets.token = "right";
  CHECK(o.create(R"(,"token_secret":"token")").status == 200);
}

TEST_CASE("a revision or a secret that is not there is 400, and a hub that does not answer 502") {
  Outside o;
  CHECK(o.refusal(R"(,"revision":"nowhere")").find("it has no revision \"nowhere\"") != std::string::npos);
  CHECK(o.refusal(R"(,"token_secret":"nobody")").find("default/nobody was not found") != std::string::npos);
  CHECK(o.refusal(R"(,"endpoint":"http://127.0.0.1:1")").find("is not on the list of allowed hosts") != std::string::npos);
  o.f.settings.external_hosts.push_back("http://127.0.0.1:1");
  CHECK(o.refusal(R"(,"endpoint":"http://127.0.0.1:1")", 502).find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("a name that is taken costs the hub no question") {
  Outside o;
  REQUIRE(o.create("").status == 200);
  const auto asked = o.hub.hub.seen().size();
  CHECK(o.create("").status == 409);
  CHECK(o.hub.hub.seen().size() == asked);
}

TEST_CASE("a creation that is repeated under its key is the same one, whatever the hub has by then") {
  Outside o;
  const auto body = R"({"name":"far","storage":{"type":"huggingface","repo_id":"owner/name"}})";
  const auto first = o.f.call("POST", filesets, body, "Idempotency-Key: k1\r\n");
  REQUIRE(first.status == 200);
  o.hub.small["new.txt"] = "new";
  const auto again = o.f.call("POST", filesets, body, "Idempotency-Key: k1\r\n");
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(o.f.call("POST", filesets, body, "Idempotency-Key: k2\r\n").status == 409);
}

TEST_CASE("Amazon's store is one host among those that an operator allows") {
  Outside o;
  const auto body = R"({"name":"far","storage":{"type":"s3","bucket":"b","region":"eu-west-1"}})";
  const auto refused = o.f.call("POST", filesets, body);
  CHECK(refused.status == 400);
  CHECK(refused.detail().find("https://s3.eu-west-1.amazonaws.com is not on the list") != std::string::npos);
}

TEST_CASE("files that are not here are listed, and read from their hub in the pieces that are asked for") {
  Outside o;
  REQUIRE(o.create("").status == 200);
  const auto rows = o.f.call("GET", filesets + "/far/files").json()["data"];
  REQUIRE(rows.size() == 4);
  for (const auto& row : rows) CHECK(row["cache_status"] == "not_cached");
  CHECK(path_of(rows[3]) == "model.safetensors");
  CHECK(rows[3]["size"] == 1'500'000);
  CHECK(o.f.call("GET", filesets + "/far/files?path=a%20dir").json()["data"].size() == 1);

  const auto& bytes = o.hub.large["model.safetensors"];
  const auto file = filesets + "/far/-/model.safetensors";
  const auto head = o.f.call("HEAD", file);
  CHECK(head.status == 200);
  CHECK(head.headers.at("Content-Length") == "1500000");
  CHECK(o.hub.cdn.seen().empty());
  CHECK(o.f.call("GET", file).body == bytes);
  const auto part = o.f.call("GET", file, "", "Range: bytes=1000-1999\r\n");
  CHECK(part.status == 206);
  CHECK(part.headers.at("Content-Range") == "bytes 1000-1999/1500000");
  CHECK(part.body == bytes.substr(1000, 1000));
  CHECK(o.f.call("GET", file, "", "Range: bytes=0-1500000\r\n").status == 416);
  CHECK(o.f.call("GET", filesets + "/far/-/a%20dir/%C3%A9t%C3%A9%20%231.txt").body == "accents\n");
  CHECK(o.f.call("GET", filesets + "/far/-/empty").status == 200);
  CHECK(o.f.call("GET", filesets + "/far/-/nothing").status == 404);
  CHECK(o.f.call("DELETE", file).status == 400);
  CHECK(o.f.call("PUT", file, "x", "Content-Type: application/octet-stream\r\n").status == 400);
}

TEST_CASE("a hub that cannot give a file is named in the 502, and one that breaks off cuts the answer off") {
  Outside o;
  REQUIRE(o.create("").status == 200);
  o.hub.send = [](const auto&, auto& response, const std::string&) { response.status = 403; };
  const auto refused = o.f.call("GET", filesets + "/far/-/model.safetensors");
  CHECK(refused.status == 502);
  CHECK(refused.detail().find("owner/name: model.safetensors") != std::string::npos);
}

TEST_CASE("hub clients see the files that are elsewhere, too") {
  Outside o;
  REQUIRE(o.create("").status == 200);
  const std::string root = "/apis/files/v2/hf";
  CHECK(o.f.call("GET", root + "/api/models/default/far").json()["siblings"].size() == 4);
  const auto file = o.f.call("GET", root + "/default/far/resolve/main/config.json");
  CHECK(file.body == o.hub.small["config.json"]);
  CHECK(file.headers.contains("ETag"));
  CHECK(o.f.call("GET", root + "/api/models/default/far/tree/main").json().size() == 4);
}

TEST_CASE("a directory of this machine is storage where the operator allows it, without what links lead to") {
  Outside o;
  const auto directory = o.f.directory / "elsewhere";
  std::filesystem::create_directories(directory / "deep");
  std::ofstream(directory / "deep/rows.jsonl") << "{}\n";
  std::filesystem::create_symlink("/etc/hostname", directory / "link");
  std::filesystem::create_directory_symlink("/etc", directory / "links");
  const auto body = [](const std::filesystem::path& path) { return R"({"name":"near","storage":{"type":"local","path":")" + path.string() + R"("}})"; };
  CHECK(o.f.call("POST", filesets, body(directory)).status == 400);
  o.f.settings.allows_local_storage = true;
  CHECK(o.f.call("POST", filesets, body(directory)).status == 400);  // the data directory is around it
  o.f.settings.filesets_root = o.f.directory / "data/filesets";
  CHECK(o.f.call("POST", filesets, body(o.f.directory.path())).status == 400);
  CHECK(o.f.call("POST", filesets, body("/nowhere/at/all")).status == 400);
  REQUIRE(o.f.call("POST", filesets, body(directory)).status == 200);
  const auto rows = o.f.call("GET", filesets + "/near/files").json()["data"];
  REQUIRE(rows.size() == 1);
  CHECK(path_of(rows[0]) == "deep/rows.jsonl");
  const auto file = filesets + "/near/-/deep/rows.jsonl";
  CHECK(o.f.call("GET", file).body == "{}\n");
  std::filesystem::remove(directory / "deep/rows.jsonl");
  std::filesystem::create_symlink("/etc/hostname", directory / "deep/rows.jsonl");
  CHECK(o.f.call("GET", file).status == 502);
}

}  // namespace luthier::api
