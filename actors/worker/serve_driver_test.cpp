#include <httplib.h>

#include <catch2/catch.hpp>
#include <mutex>
#include <nlohmann/json.hpp>

#include "actors/worker/local_blobs.hpp"
#include "actors/worker/process_task_runner.hpp"
#include "actors/worker/scratch_test.hpp"

namespace luthier::worker {
namespace {

using Outcome = TaskReport::Outcome;
using nlohmann::json;
using std::chrono::milliseconds;

// The routes of a serving process; a small shell program says that they are its own.
class Routes {
 public:
  Routes() {
    server_.Get("/health", [this](const auto&, auto& answer) { answer.status = is_well ? 200 : 503; });
    server_.Get("/internal/adapters", [this](const auto& request, auto& answer) {
      token = request.get_header_value("Authorization");
      const std::lock_guard lock(mutex);
      json list = json::array();
      for (const auto& [name, version] : loaded) list.push_back({{"name", name}, {"version", version}});
      answer.set_content(list.dump(), "application/json");
    });
    server_.Post("/v1/load_lora_adapter", [this](const auto& request, auto& answer) {
      const auto body = json::parse(request.body);
      const std::filesystem::path directory = body["lora_path"].template get<std::string>();
      if (!std::filesystem::exists(directory / "adapter_config.json")) {
        answer.status = 400;
        answer.set_content(R"({"error":{"message":"no adapter_config.json"}})", "application/json");
        return;
      }
      const std::lock_guard lock(mutex);
      if (!lies) loaded[body["lora_name"]] = body["version"];
      answer.set_content("{}", "application/json");
    });
    server_.Post("/v1/unload_lora_adapter", [this](const auto& request, auto& answer) {
      const std::lock_guard lock(mutex);
      loaded.erase(json::parse(request.body)["lora_name"].template get<std::string>());
      answer.set_content("{}", "application/json");
    });
    port = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~Routes() {
    server_.stop();
    thread_.join();
  }

  int port = 0;
  std::atomic<bool> is_well = true, lies = false;
  std::mutex mutex;
  std::map<std::string, std::string> loaded;
  std::string token;

 private:
  httplib::Server server_;
  std::thread thread_;
};

struct Given {
  Given() : door(*blobs::BlobStore::open(scratch.root / "blobs")) {
    config.work = scratch.root / "work";
    config.adapters_interval = milliseconds(50);
    config.health_patience = milliseconds(400);
    config.program = scratch.script("luthier", "echo \"$@\" > " + (scratch.root / "arguments").string() + "\necho ready http://127.0.0.1:" +
                                                   std::to_string(routes.port) + "\nwhile :; do sleep 0.05; done\n");
    task.id = {TaskKind::serve, "deployment-1", 1};
    task.served_names = {"default/smol", "smol"};
    task.model_files = {stored("smol.gguf", "weights")};
  }
  events::File stored(const std::string& path, const std::string& text) {
    scratch.write("incoming", text);
    return *door.store(scratch.root / "incoming", path);
  }
  void start() {
    runner = std::make_unique<ProcessTaskRunner>(config, door);
    runner->start(task, [this](TaskEvent event) {
      const std::lock_guard lock(mutex);
      events.push_back(std::move(event));
    });
  }
  template <class T>
  std::optional<T> last() {
    const std::lock_guard lock(mutex);
    std::optional<T> found;
    for (const auto& event : events)
      if (const auto* one = std::get_if<T>(&event)) found = *one;
    return found;
  }
  template <class T>
  T wait_for() {
    std::optional<T> found;
    REQUIRE(eventually([&] { return (found = last<T>()).has_value(); }));
    return *found;
  }

  Scratch scratch;
  Routes routes;
  LocalBlobs door;
  ProcessConfig config;
  Task task;
  std::mutex mutex;
  std::vector<TaskEvent> events;
  std::unique_ptr<ProcessTaskRunner> runner;  // ends first: its threads use the others
};

}  // namespace

TEST_CASE("a deployment is a process that says where it answers, and gets its names and its token") {
  Given given;
  given.start();
  CHECK(given.wait_for<ServerReady>().endpoint == "http://127.0.0.1:" + std::to_string(given.routes.port));
  const auto arguments = given.scratch.read("arguments");
  CHECK(arguments.find("engine serve --model ") == 0);
  CHECK(arguments.find("/model/smol.gguf") != std::string::npos);
  CHECK(arguments.find("--served-name default/smol --served-name smol") != std::string::npos);
  CHECK(arguments.find("--listen 127.0.0.1:0") != std::string::npos);
  given.wait_for<AdaptersSeen>();
  const auto token = given.scratch.read("work/serve/deployment-1/1/admin.token");
  CHECK(token.size() == 65);
  CHECK(given.routes.token + "\n" == "Bearer " + token);

  given.runner->stop(given.task.id, StopWhy::undeploy);
  CHECK(given.wait_for<ProcessEnded>().outcome == Outcome::stopped);
}

TEST_CASE("adapters are put in place, loaded and unloaded, and what the server lists is what counts") {
  Given given;
  given.start();
  given.wait_for<ServerReady>();
  const AdapterWish good{"default--kind", "fileset-1@3", {given.stored("adapter_config.json", "{}"), given.stored("adapter_model.safetensors", "w")}};
  given.runner->load_adapter(given.task.id, good);
  CHECK(given.wait_for<AdapterIn>().key == "fileset-1@3");
  CHECK(given.routes.loaded.at("default--kind") == "fileset-1@3");
  REQUIRE(eventually([&] { const auto seen = given.last<AdaptersSeen>(); return seen && seen->loaded == std::vector<AdapterReport>{{"default--kind", "fileset-1@3", ""}}; }));

  const AdapterWish broken{"default--broken", "fileset-2@1", {given.stored("README.md", "nothing")}};
  given.runner->load_adapter(given.task.id, broken);
  CHECK(given.wait_for<AdapterFailed>().error == "no adapter_config.json");

  given.runner->unload_adapter(given.task.id, "default--kind");
  CHECK(given.wait_for<AdapterOut>().served_name == "default--kind");

  given.routes.lies = true;
  given.runner->load_adapter(given.task.id, {"default--lie", "fileset-3@1", good.files});
  REQUIRE(eventually([&] { return given.last<AdapterFailed>()->served_name == "default--lie"; }));
}

TEST_CASE("a server that answers nothing for long counts as crashed") {
  Given given;
  given.start();
  given.wait_for<AdaptersSeen>();
  given.routes.is_well = false;
  const auto ended = given.wait_for<ProcessEnded>();
  CHECK(ended.outcome == Outcome::crashed);
  CHECK(ended.retryable);
  CHECK(ended.reason.find("/health") != std::string::npos);
}

TEST_CASE("a server that cannot read its model fails with what it said") {
  Given given;
  given.config.program = given.scratch.script("luthier", "echo 'model.gguf: tensor output_norm: cut short' >&2; exit 2");
  given.start();
  const auto ended = given.wait_for<ProcessEnded>();
  CHECK(ended.outcome == Outcome::failed);
  CHECK_FALSE(ended.retryable);
  CHECK(ended.reason == "model.gguf: tensor output_norm: cut short");
}

TEST_CASE("a server that never gets ready is ended") {
  Given given;
  given.config.ready_wait = milliseconds(200);
  given.config.program = given.scratch.script("luthier", "while :; do sleep 0.05; done");
  given.start();
  const auto ended = given.wait_for<ProcessEnded>();
  CHECK(ended.outcome == Outcome::crashed);
  CHECK(ended.retryable);
}

}  // namespace luthier::worker
