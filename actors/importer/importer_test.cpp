#include "actors/importer/importer.hpp"

#include <fstream>

#include "actors/api/api_fixture_test.hpp"
#include "actors/api/secret_values.hpp"
#include "actors/hub/hub_double_test.hpp"

namespace luthier::importer {
namespace {

using namespace std::chrono_literals;
using api::Reply;
using rest::Json;

const std::string filesets = "/apis/files/v2/workspaces/default/filesets";
const std::string jobs = "/apis/jobs/v2/workspaces/default/jobs";

bool eventually(const std::function<bool()>& is_true) { return gateway::eventually(is_true, 10s); }

// A server beside a hub with one repository; its importer can be stopped and started.
struct Story {
  hub::HubDouble hub;
  std::atomic<bool> goes_slowly = false;
  api::ApiFixture f;
  std::unique_ptr<Importer> importer;
  Patience patience{{20ms, 20ms}};

  Story() {
    f.settings.external_hosts = {hub.hub.endpoint()};
    f.settings.hub_endpoint = hub.hub.endpoint();
    f.open();
    hub.send = [this](const httplib::Request& request, httplib::Response& response, const std::string& bytes) {
      response.set_header("ETag", "\"of-the-cdn\"");
      const auto first = request.ranges.empty() ? 0 : static_cast<std::size_t>(request.ranges[0].first);
      response.set_content_provider(bytes.size(), "application/octet-stream",
                                    [this, &bytes, first](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                      if (goes_slowly) std::this_thread::sleep_for(20ms);
                                      offset = std::max(offset, first);
                                      return sink.write(bytes.data() + offset, std::min(length, std::size_t{16'384}));
                                    });
    };
    start();
  }
  ~Story() { goes_slowly = false; }

  void start() {
    ImporterOptions options;
    options.directory = f.directory / "imports";
    options.patience = patience;
    options.adjust = [](hub::Transfer& transfer) {
      transfer = hub::quick();
      transfer.attempts = 2;
    };
    f.platform.on_change = [this](auto facts) { f.documents.changed(facts); };
    importer = std::make_unique<Importer>(api::Services{f.platform, f.documents, f.settings, &f.store}, options);
    f.platform.on_change = [this](auto facts) {
      f.documents.changed(facts);
      importer->changed(facts);
    };
    importer->start();
  }

  void create(bool is_cached = true) {
    const auto made = f.call("POST", filesets, R"({"name":"far","storage":{"type":"huggingface","repo_id":"owner/name"},"cache":)" +
                                                   std::string(is_cached ? "true" : "false") + "}");
    INFO(made.body);
    REQUIRE(made.status == 200);
    id = made.json()["id"];
    job = job_name("far", id);
  }
  std::string state() {
    const auto row = f.platform.read_models().get("fileset_head", "default", "far");
    return row && *row ? Json::parse(**row)["details"]["import"].value("state", "") : "gone";
  }
  std::string error() { return Json::parse(**f.platform.read_models().get("fileset_head", "default", "far"))["details"]["import"].value("error", ""); }
  Json job_now() { return f.call("GET", jobs + "/" + job + "/status").json(); }
  std::string job_status() { return job_now().value("status", ""); }
  bool ends(const std::string& wanted_state, const std::string& wanted_status) {
    const bool ended = eventually([&] { return state() == wanted_state && job_status() == wanted_status; });
    INFO("state " << state() << ", job " << job_now().dump());
    CHECK(ended);
    return ended;
  }
  // Into the middle of the large file.
  void wait_for_the_middle() {
    REQUIRE(eventually([&] { return !hub.cdn.seen().empty(); }));
    REQUIRE(eventually([&] { return bytes_under_way() > 0; }));
  }
  std::uintmax_t bytes_under_way() const {
    std::uintmax_t bytes = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(f.directory / "imports" / id, error), end; !error && entry != end; entry.increment(error))
      if (entry->path().string().ends_with(".part")) bytes += std::filesystem::file_size(entry->path(), error);
    return bytes;
  }
  bool has_no_partial_files() const { return !std::filesystem::exists(f.directory / "imports" / id); }
  std::set<std::string> statuses() {
    std::set<std::string> all;
    const auto listing = f.call("GET", filesets + "/far/files").json();
    for (const auto& row : listing["data"]) all.insert(row["cache_status"].get<std::string>());
    return all;
  }

  std::string id, job;
};

}  // namespace

TEST_CASE("a fileset that is to be cached is imported, and a job tells of it") {
  Story story;
  story.create();
  REQUIRE(story.ends("complete", "completed"));
  CHECK(story.statuses() == std::set<std::string>{"cached"});
  CHECK(story.has_no_partial_files());
  const auto asked = story.hub.cdn.seen().size();
  CHECK(story.f.call("GET", filesets + "/far/-/model.safetensors").body == story.hub.large["model.safetensors"]);
  CHECK(story.hub.cdn.seen().size() == asked);

  const auto shown = story.f.call("GET", jobs + "/" + story.job).json();
  CHECK(shown["source"] == "files");
  CHECK(shown["spec"]["fileset"] == "default/far");
  const auto task = story.job_now()["steps"][0]["tasks"][0];
  CHECK(story.job_now()["steps"][0]["name"] == "import");
  CHECK(task["status"] == "completed");
  CHECK(task["status_details"]["files_done"] == 4);
  CHECK(task["status_details"]["bytes_done"] == task["status_details"]["bytes_total"]);
}

TEST_CASE("a fileset that nobody needs stays elsewhere until a model names it") {
  Story story;
  story.create(false);
  std::this_thread::sleep_for(50ms);
  CHECK(story.state() == "listed");
  CHECK(story.job_status().empty());
  REQUIRE(story.f.call("POST", "/apis/models/v2/workspaces/default/models", R"({"name":"base","fileset":"default/far"})").status == 201);
  story.ends("complete", "completed");
}

TEST_CASE("what was named while no importer ran is imported by the next") {
  Story story;
  story.importer->stop();
  story.create(false);
  REQUIRE(story.f.call("POST", "/apis/models/v2/workspaces/default/models", R"({"name":"base","fileset":"default/far"})").status == 201);
  story.start();
  story.ends("complete", "completed");
}

TEST_CASE("an import goes on where the process before was stopped, which takes less than a second") {
  Story story;
  story.goes_slowly = true;
  story.create();
  story.wait_for_the_middle();
  const auto begin = std::chrono::steady_clock::now();
  story.importer->stop();
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  CHECK(story.state() == "importing");
  CHECK(story.statuses().contains("caching"));
  const auto here = story.bytes_under_way();
  CHECK(here > 0);
  story.goes_slowly = false;
  std::filesystem::create_directories(story.f.directory / "imports/fileset-of-nobody");
  story.start();
  story.ends("complete", "completed");
  CHECK(story.hub.cdn.seen().back().header("Range") == "bytes=" + std::to_string(here) + "-");
  CHECK_FALSE(std::filesystem::exists(story.f.directory / "imports/fileset-of-nobody"));
}

TEST_CASE("a cancelled import ends within a second, and says how to try again") {
  Story story;
  story.goes_slowly = true;
  story.create();
  story.wait_for_the_middle();
  const auto begin = std::chrono::steady_clock::now();
  story.f.call("POST", jobs + "/" + story.job + "/cancel");
  story.ends("cancelled", "cancelled");
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  CHECK(story.error().find("delete the fileset and create it anew") != std::string::npos);
  CHECK(story.has_no_partial_files());
}

TEST_CASE("an import is paused and resumed by its job") {
  Story story;
  story.goes_slowly = true;
  story.create();
  story.wait_for_the_middle();
  story.f.call("POST", jobs + "/" + story.job + "/pause");
  REQUIRE(story.ends("importing", "paused"));
  const auto asked = story.hub.cdn.seen().size();
  std::this_thread::sleep_for(50ms);
  CHECK(story.hub.cdn.seen().size() == asked);
  story.goes_slowly = false;
  story.f.call("POST", jobs + "/" + story.job + "/resume");
  story.ends("complete", "completed");
}

TEST_CASE("an import ends with its fileset, and with its job") {
  Story story;
  story.goes_slowly = true;
  story.create();
  story.wait_for_the_middle();
  SECTION("the fileset is deleted") {
    REQUIRE(story.f.call("DELETE", filesets + "/far").status == 200);
    story.ends("gone", "cancelled");
    CHECK(eventually([&] { return story.has_no_partial_files(); }));
  }
  SECTION("the job is deleted") {
    story.f.call("DELETE", jobs + "/" + story.job);
    CHECK(eventually([&] { return story.state() == "cancelled"; }));
    CHECK(eventually([&] { return story.has_no_partial_files(); }));
  }
  SECTION("the fileset is deleted while no importer runs") {
    story.importer->stop();
    REQUIRE(story.f.call("DELETE", filesets + "/far").status == 200);
    story.start();
    story.ends("gone", "cancelled");
    CHECK(eventually([&] { return story.has_no_partial_files(); }));
  }
}

TEST_CASE("other bytes than the hub has promised never become a file") {
  Story story;
  story.importer->stop();
  story.create();
  story.hub.large["model.safetensors"][700'000] ^= 1;  // the listing was made before
  story.start();
  story.ends("failed", "error");
  CHECK(story.error().find("model.safetensors") != std::string::npos);
  CHECK(story.job_now()["error_details"]["message"] == story.error());
  CHECK(story.statuses() == std::set<std::string>{"cached", "not_cached"});
}

TEST_CASE("a store that is away for a while is asked again, and given up after some tries") {
  Story story;
  std::atomic<int> refusals = 2;
  const auto send = story.hub.send;
  story.hub.send = [&](const httplib::Request& request, httplib::Response& response, const std::string& bytes) {
    if (refusals-- > 0) response.status = 503;
    else send(request, response, bytes);
  };
  SECTION("it comes back") {
    story.create();
    story.ends("complete", "completed");
  }
  SECTION("it does not") {
    refusals = 1'000;
    story.create();
    story.ends("failed", "error");
    CHECK(story.error().find("503") != std::string::npos);
  }
}

TEST_CASE("a content that is here already is not fetched again") {
  Story story;
  REQUIRE(story.f.call("POST", filesets, R"({"name":"near"})").status == 200);
  REQUIRE(story.f.call("PUT", filesets + "/near/-/a", story.hub.large["model.safetensors"], "Content-Type: application/octet-stream\r\n").status == 200);
  story.create();
  story.ends("complete", "completed");
  CHECK(story.hub.cdn.seen().empty());
}

TEST_CASE("a directory of this machine is imported like any store") {
  Story story;
  const auto directory = story.f.directory / "elsewhere";
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "rows.jsonl") << "{}\n";
  story.f.settings.allows_local_storage = true;
  story.f.settings.filesets_root = story.f.directory / "data/filesets";
  REQUIRE(story.f.call("POST", filesets, R"({"name":"far","cache":true,"storage":{"type":"local","path":")" + directory.string() + R"("}})").status == 200);
  REQUIRE(eventually([&] { return story.state() == "complete"; }));
  std::filesystem::remove_all(directory);
  CHECK(story.f.call("GET", filesets + "/far/-/rows.jsonl").body == "{}\n");
}

}  // namespace luthier::importer
