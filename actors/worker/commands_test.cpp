#include "actors/worker/commands.hpp"

#include <pthread.h>
#include <signal.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "actors/bus/nats_bus.hpp"
#include "actors/bus/nats_server.hpp"
#include "actors/bus/subjects.hpp"
#include "actors/worker/local_blobs.hpp"
#include "actors/worker/protocol.hpp"
#include "actors/worker/scratch_test.hpp"

namespace luthier::worker {
namespace {

using State = TaskReport::State;
using Outcome = TaskReport::Outcome;

std::unique_ptr<bus::NatsServer> start_nats(const std::filesystem::path& directory) {
  bus::NatsServerOptions options;
  options.directory = directory;
  auto server = bus::NatsServer::start(options);
  INFO((server ? "" : server.error().message));
  REQUIRE(server);
  return std::move(*server);
}

// Plays the control plane: answers every beat with the same tasks.
class Plane {
 public:
  explicit Plane(const bus::NatsServer& server) {
    bus::NatsOptions options;
    options.credentials = server.server_file();
    bus_ = std::move(*bus::NatsBus::connect(options));
    subscription_ = std::move(*bus_->subscribe(std::string(bus::all_beats), [this](bus::Message message) {
      auto beat = decode_beat(message.payload);
      if (!beat) return;
      const std::lock_guard lock(mutex_);
      beats_.push_back(*beat);
      bus_->publish({bus::work_subject(beat->worker), "", {}, encode(Lease{beat->incarnation, beat->sequence, 15000, tasks_, 0})});
    }));
    REQUIRE(bus_->flush(std::chrono::seconds(5)));
  }
  void place(std::vector<Task> tasks) {
    const std::lock_guard lock(mutex_);
    tasks_ = std::move(tasks);
  }
  std::optional<Beat> last() {
    const std::lock_guard lock(mutex_);
    return beats_.empty() ? std::nullopt : std::optional(beats_.back());
  }
  bool hears(const std::function<bool(const Beat&)>& what) {
    return eventually([&] { const auto beat = last(); return beat && what(*beat); }, std::chrono::seconds(20));
  }

 private:
  std::mutex mutex_;
  std::vector<Task> tasks_;
  std::vector<Beat> beats_;
  std::unique_ptr<bus::NatsBus> bus_;
  std::unique_ptr<bus::Subscription> subscription_;
};

class Worker {
 public:
  explicit Worker(WorkerOptions options) : thread_([this, options] { code_ = run_worker(options, out, errors); }) {}
  ~Worker() { if (thread_.joinable()) end(); }
  int end() {
    ::pthread_kill(thread_.native_handle(), SIGTERM);
    return wait();
  }
  int wait() {
    thread_.join();
    return code_;
  }
  std::ostringstream out, errors;

 private:
  int code_ = -1;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a worker process joins over NATS, trains, tells, and says goodbye") {
  Scratch scratch;
  const auto server = start_nats(scratch.root / "nats");
  Plane plane(*server);
  LocalBlobs door(*blobs::BlobStore::open(scratch.root / "data" / "blobs"));
  const auto stored = [&](const std::string& path, const std::string& text) {
    scratch.write("incoming", text);
    return *door.store(scratch.root / "incoming", path);
  };
  WorkerOptions options;
  options.data = scratch.root / "data";
  options.credentials = server->worker_file();
  options.engine_version = "test";
  options.program = scratch.script("luthier", R"(
while [ $# -gt 0 ]; do case "$1" in --out) out=$2; shift;; esac; shift; done
echo '{"step":1,"loss":2.0}'
if [ -e )" + (scratch.root / "hang").string() + R"( ]; then trap '' TERM; while :; do sleep 0.05; done; fi
echo '{"step":1,"loss":2.0}' > "$out/metrics.jsonl"; echo w > "$out/adapter_model.safetensors"
)");
  Worker worker(options);
  REQUIRE(plane.hears([](const Beat& beat) { return beat.worker == "local" && beat.devices.size() == 1; }));
  CHECK(plane.last()->replaces.empty());
  const auto incarnation = plane.last()->incarnation;

  Task task;
  task.id = {TaskKind::train, "job-1", 1};
  task.workspace = "default";
  task.name = "a";
  task.device = "cpu";
  task.model_files = {stored("config.json", "{}")};
  task.dataset = stored("train.jsonl", "{}\n");
  task.config = "{}";
  plane.place({task});
  REQUIRE(plane.hears([](const Beat& beat) { return !beat.tasks.empty() && beat.tasks[0].state == State::ended; }));
  CHECK(plane.last()->tasks[0].outcome == Outcome::completed);
  CHECK(plane.last()->tasks[0].files.size() == 1);
  plane.place({});
  REQUIRE(plane.hears([](const Beat& beat) { return beat.tasks.empty(); }));

  Worker second(options);
  CHECK(second.wait() == 1);
  CHECK(second.errors.str().find("is a worker on") != std::string::npos);

  // A process that does not want to end does not keep the worker.
  scratch.write("hang", "");
  task.id.attempt = 2;
  plane.place({task});
  REQUIRE(plane.hears([](const Beat& beat) { return !beat.tasks.empty() && beat.tasks[0].state == State::running; }));
  const auto asked = std::chrono::steady_clock::now();
  CHECK(worker.end() == 0);
  CHECK(std::chrono::steady_clock::now() - asked < std::chrono::seconds(8));
  REQUIRE(plane.hears([](const Beat& beat) { return beat.leaving; }));
  CHECK(plane.last()->tasks.at(0).outcome == Outcome::stopped);

  plane.place({});
  Worker next(options);
  REQUIRE(plane.hears([&](const Beat& beat) { return beat.incarnation != incarnation; }));
  CHECK(plane.last()->replaces == incarnation);
  CHECK(next.end() == 0);
}

TEST_CASE("a worker that cannot reach NATS says so and ends with 3") {
  Scratch scratch;
  WorkerOptions options;
  options.data = scratch.root / "data";
  options.nats_url = "nats://127.0.0.1:1";
  Worker worker(options);
  CHECK(worker.wait() == 3);
  CHECK(worker.errors.str().starts_with("luthier worker: "));
}

}  // namespace luthier::worker
