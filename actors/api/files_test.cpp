// The Files service over HTTP: what the clients' own suites do not reach.
#include "actors/api/api_fixture_test.hpp"

namespace luthier::api {
namespace {

const std::string filesets = "/apis/files/v2/workspaces/default/filesets";
const std::string octets = "Content-Type: application/octet-stream\r\n";
const std::string by_service = "X-NMP-Principal-Id: service:jobs\r\n";

std::string range(const std::string& value) { return octets + "Content-Range: bytes " + value + "\r\n"; }

void make(ApiFixture& f, const std::string& more = "") { REQUIRE(f.call("POST", filesets, R"({"name":"rows")" + more + "}").status == 200); }

std::size_t incoming(const ApiFixture& f) {
  std::filesystem::directory_iterator begin(f.directory / "blobs/incoming"), end;
  return static_cast<std::size_t>(std::distance(begin, end));
}

}  // namespace

TEST_CASE("a file that is over a quota is refused with the numbers, before it is sent and while it comes") {
  ApiFixture f;
  f.settings.fileset_bytes_max = f.platform.limits.fileset_bytes_max = 100;
  f.settings.workspace_bytes_max = f.platform.limits.workspace_bytes_max = 150;
  make(f);
  REQUIRE(f.call("POST", filesets, R"({"name":"more"})").status == 200);
  CHECK(f.call("PUT", filesets + "/rows/-/a", std::string(90, 'a'), octets).status == 200);
  const auto refused = f.call("PUT", filesets + "/rows/-/b", std::string(11, 'b'), octets);
  CHECK(refused.status == 413);
  CHECK(refused.detail() == "Fileset default/rows may have 100 bytes and has 90 beside this file, so this file may have 10.");
  const auto chunked = f.call("PUT", filesets + "/rows/-/b", "b\r\nbbbbbbbbbbb\r\n0\r\n\r\n", octets + "Transfer-Encoding: chunked\r\n");
  CHECK(chunked.status == 413);
  CHECK(f.call("PUT", filesets + "/rows/-/a", std::string(100, 'a'), octets).status == 200);  // what it replaces does not count
  CHECK(f.call("PUT", filesets + "/more/-/a", std::string(51, 'a'), octets).status == 507);
  CHECK(f.call("PUT", filesets + "/more/-/a", std::string(50, 'a'), octets).status == 200);
  CHECK(f.call("PUT", filesets + "/more/-/b", "1", range("0-0/51")).status == 507);
  CHECK(incoming(f) == 0);
}

TEST_CASE("a file comes in several requests, and one that breaks off goes on where it was") {
  ApiFixture f;
  make(f);
  const auto path = filesets + "/rows/-/a.bin";
  CHECK(f.call("PUT", path, "old", octets).status == 200);
  CHECK(f.call("PUT", path, "", range("*/10")).headers["Upload-Offset"] == "0");
  const auto first = f.call("PUT", path, "0123", range("0-3/10"));
  CHECK(first.status == 202);
  CHECK(first.json()["received"] == 4);
  CHECK(f.call("PUT", path, "89", range("8-9/10")).status == 416);
  {
    auto peer = f.connect();
    peer.send("PUT " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n" + range("4-9/10") + "\r\n45");
  }
  REQUIRE(gateway::eventually([&] { return f.call("PUT", path, "", range("*/10")).headers["Upload-Offset"] == "6"; }));
  CHECK(f.call("GET", path).body == "old");
  CHECK(f.call("PUT", path, "", by_service + range("*/10")).headers["Upload-Offset"] == "0");  // of each caller his own
  CHECK(f.call("PUT", path, "6789", range("6-9/10")).status == 200);
  CHECK(f.call("GET", path).body == "0123456789");
  CHECK(incoming(f) == 0);
}

TEST_CASE("a piece that is not what it says is refused") {
  ApiFixture f;
  make(f);
  const auto path = filesets + "/rows/-/a.bin";
  CHECK(f.call("PUT", path, "0123", range("0-4/10")).status == 400);
  CHECK(f.call("PUT", path, "0123", range("0-3/*")).status == 400);
  CHECK(f.call("PUT", path, "5\r\n01234\r\n0\r\n\r\n", range("0-3/10") + "Transfer-Encoding: chunked\r\n").status == 400);
  CHECK(incoming(f) == 0);
  CHECK(f.call("PUT", path, "2\r\n01\r\n0\r\n\r\n", range("0-3/10") + "Transfer-Encoding: chunked\r\n").headers["Upload-Offset"] == "2");
}

TEST_CASE("an upload that breaks off, or a form that is none, leaves the old content") {
  ApiFixture f;
  make(f);
  const auto path = filesets + "/rows/-/a.txt";
  CHECK(f.call("PUT", path, "old", octets).status == 200);
  {
    auto peer = f.connect();
    peer.send("PUT " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n" + octets + "\r\nhalf");
    REQUIRE(gateway::eventually([&] { return incoming(f) == 1; }));
  }
  REQUIRE(gateway::eventually([&] { return incoming(f) == 0; }));
  const std::string form = "Content-Type: multipart/form-data; boundary=XX\r\n";
  CHECK(f.call("PUT", path, "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nhalf", form).status == 400);
  CHECK(f.call("PUT", path, "--XX--\r\n", form).status == 400);
  CHECK(f.call("GET", path).body == "old");
  CHECK(f.call("PUT", path, "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nnew\r\n--XX--\r\n", form).status == 200);
  CHECK(f.call("GET", path).body == "new");
}

TEST_CASE("what a service has made is the users' to read only") {
  ApiFixture f;
  const std::string body = R"({"name":"rows","custom_fields":{"service_source":"jobs","b":null}})";
  REQUIRE(f.call("POST", filesets, body, by_service).status == 200);
  const auto fields = [&] { return f.call("GET", filesets + "/rows").json()["custom_fields"]; };
  CHECK(fields() == rest::Json::parse(R"({"b":null,"service_source":"jobs"})"));
  const auto refused = f.call("PUT", filesets + "/rows/-/a", "1", octets);
  CHECK(refused.status == 403);
  CHECK(refused.detail().find("immutable") != std::string::npos);
  CHECK(f.call("PUT", filesets + "/rows/-/a", "1", octets + by_service).status == 200);
  CHECK(f.call("DELETE", filesets + "/rows/-/a").status == 403);
  CHECK(f.call("PATCH", filesets + "/rows", R"({"custom_fields":{"service_source":"mine","c":{"d":null}}})").status == 200);
  CHECK(fields() == rest::Json::parse(R"({"c":{"d":null},"service_source":"jobs"})"));
}

TEST_CASE("storage elsewhere is kept as it was named where no store is contacted, and its files are not changed here") {
  ApiFixture f;
  f.settings.contacts_stores = false;
  make(f, R"(,"storage":{"type":"huggingface","repo_id":"a/b"},"cache":true)");
  const auto shown = f.call("GET", filesets + "/rows").json();
  CHECK(shown["storage"]["revision"] == "main");
  CHECK(shown["storage"]["endpoint"] == "https://huggingface.co");
  CHECK(f.call("PUT", filesets + "/rows/-/a", "1", octets).status == 400);
  CHECK(f.call("DELETE", filesets + "/rows/-/a").status == 400);
  CHECK(f.call("GET", filesets + "?filter[storage_type]=huggingface").json()["pagination"]["total_results"] == 1);
  CHECK(f.call("GET", filesets + "?filter[storage_type]=local").json()["pagination"]["total_results"] == 0);
}

TEST_CASE("a file that is damaged on disk is not handed out") {
  ApiFixture f;
  make(f);
  const auto stored = f.call("PUT", filesets + "/rows/-/a", std::string(1000, 'a'), octets).json();
  const auto file = f.store.path_of(stored["digest"].get<std::string>());
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  std::filesystem::resize_file(file, 999);
  const auto answer = f.call("GET", filesets + "/rows/-/a");
  CHECK(answer.status == 500);
  CHECK(answer.detail().find("damaged") != std::string::npos);
  CHECK(f.call("HEAD", filesets + "/rows/-/a").status == 200);
}

TEST_CASE("the hub's tag changes with the content even when its length does not") {
  ApiFixture f;
  make(f);
  const std::string file = "/apis/files/v2/hf/default/rows/resolve/main/a.txt";
  REQUIRE(f.call("PUT", filesets + "/rows/-/a.txt", "one", octets).status == 200);
  auto before = f.call("HEAD", file);
  CHECK(before.headers["ETag"].size() == 18);
  REQUIRE(f.call("PUT", filesets + "/rows/-/a.txt", "two", octets).status == 200);
  auto after = f.call("GET", file);
  CHECK(after.body == "two");
  CHECK(after.headers["ETag"] != before.headers.at("ETag"));
  CHECK(after.headers["X-Repo-Commit"] != before.headers.at("X-Repo-Commit"));
  CHECK(f.call("GET", "/apis/files/v2/hf/default/none/resolve/main/a.txt").headers["X-Error-Code"] == "RepoNotFound");
  CHECK(f.call("GET", "/apis/files/v2/hf/default/rows/resolve/main/none").headers["X-Error-Code"] == "EntryNotFound");
  const auto form = "Content-Type: application/x-www-form-urlencoded\r\n";
  CHECK(f.call("POST", "/apis/files/v2/hf/api/datasets/default/rows/paths-info/main", "paths=a.txt&paths=none", form).json().size() == 1);
}

}  // namespace luthier::api
