#include "actors/worker/process_task_runner.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "actors/worker/local_blobs.hpp"
#include "actors/worker/scratch_test.hpp"
#include "actors/worker/training_output.hpp"
#include "actors/worker/work_directory.hpp"

namespace luthier::worker {
namespace {

using Outcome = TaskReport::Outcome;
using std::chrono::milliseconds;

// A small shell program plays `luthier train`: it is given the same arguments.
const std::string parse_arguments = R"(
while [ $# -gt 0 ]; do
  case "$1" in
    --out) out=$2; shift;; --checkpoint-dir) checkpoints=$2; shift;; --data) data=$2; shift;;
    --model) model=$2; shift;; --config) config=$2; shift;; --teacher) teacher=$2; shift;;
  esac
  shift
done
)";

struct Given {
  explicit Given(const std::string& body)
      : blobs(*blobs::BlobStore::open(scratch.root / "blobs")), door(blobs) {
    config.work = scratch.root / "work";
    config.program = scratch.script("luthier", parse_arguments + body);
    config.lock_wait = milliseconds(300);
    runner = std::make_unique<ProcessTaskRunner>(config, door);
  }

  events::File stored(const std::string& path, const std::string& text) {
    scratch.write("incoming", text);
    return *door.store(scratch.root / "incoming", path);
  }
  Task training(std::int64_t attempt = 1) {
    Task task;
    task.id = {TaskKind::train, "job-1", attempt};
    task.workspace = "default";
    task.name = "a";
    task.device = "cpu";
    task.model_files = {stored("config.json", "{}"), stored("model.safetensors", "weights")};
    task.dataset = stored("train.jsonl", "{}\n");
    task.config = R"({"method":"lora"})";
    return task;
  }
  void start(const Task& task) {
    runner->start(task, [this](TaskEvent event) {
      const std::lock_guard lock(mutex);
      events.push_back(std::move(event));
      changed.notify_all();
    });
  }
  ProcessEnded end() {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [this] {
      return !events.empty() && std::holds_alternative<ProcessEnded>(events.back());
    }));
    return std::get<ProcessEnded>(events.back());
  }
  template <class T>
  std::vector<T> heard() {
    const std::lock_guard lock(mutex);
    std::vector<T> found;
    for (const auto& event : events)
      if (const auto* one = std::get_if<T>(&event)) found.push_back(*one);
    return found;
  }

  Scratch scratch;
  blobs::BlobStore blobs;
  LocalBlobs door;
  ProcessConfig config;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<TaskEvent> events;
  std::unique_ptr<ProcessTaskRunner> runner;
};

const std::string trains_well = R"(
echo '{"phase":"begin","resumed_from_step":4}'
echo '{"step":5,"loss":2.5,"tokens":10}'
echo '{"checkpoint":5,"step":5}'
echo '{"step":6,"loss":1.25,"tokens":12,"validation_loss":0.75,"seconds":3.5}'
cat "$model/config.json" "$data" "$config" > /dev/null || exit 2
printf '{"step":5,"loss":2.5,"tokens":10}\n{"step":6,"loss":1.25,"tokens":12}\n' > "$out/metrics.jsonl"
echo weights > "$out/adapter_model.safetensors"; echo '{}' > "$out/adapter_config.json"
)";

}  // namespace

TEST_CASE("a training process that ends well is completed once its files are blobs") {
  Given given(trains_well);
  given.start(given.training());
  const auto ended = given.end();
  INFO(ended.reason);
  REQUIRE(ended.outcome == Outcome::completed);
  REQUIRE(ended.files.size() == 2);
  CHECK(ended.files[0].path == "adapter_config.json");
  CHECK(ended.files[1].path == "adapter_model.safetensors");
  for (const auto& file : ended.files) CHECK(given.blobs.verify(file.digest));
  CHECK(ended.summary.steps == 6);
  CHECK(ended.summary.tokens == 22);
  CHECK(ended.summary.first_loss == 2.5);
  CHECK(ended.summary.final_loss == 1.25);
  CHECK(ended.summary.validation_loss == 0.75);
  CHECK(ended.summary.seconds == 3.5);
  REQUIRE(given.heard<ProcessStarted>().size() == 1);
  CHECK(given.heard<ProcessStarted>()[0].resumed_from_step == 4);
  REQUIRE(given.heard<CheckpointWritten>().size() == 1);
  CHECK(given.heard<CheckpointWritten>()[0].step == 5);
  CHECK(given.heard<ProgressLine>().size() == 4);
}

TEST_CASE("a distillation's process is told where its teacher lies") {
  Given given(R"(cat "$teacher/config.json" >&2; exit 2)");
  auto task = given.training();
  task.teacher_files = {given.stored("config.json", "the teacher's")};
  given.start(task);
  CHECK(given.end().reason == "the teacher's");
}

TEST_CASE("bad input is a failure for good, with the line that names it") {
  Given given("echo 'loading' >&2; echo 'train.jsonl: row 3: no messages' >&2; exit 2");
  given.start(given.training());
  const auto ended = given.end();
  CHECK(ended.outcome == Outcome::failed);
  CHECK_FALSE(ended.retryable);
  CHECK(ended.reason == "train.jsonl: row 3: no messages");
}

TEST_CASE("a process killed from outside has crashed, and may be tried again") {
  Given given("kill -9 $$");
  given.start(given.training());
  const auto ended = given.end();
  CHECK(ended.outcome == Outcome::crashed);
  CHECK(ended.retryable);
  CHECK(ended.reason.find("signal 9") != std::string::npos);
}

TEST_CASE("a process that says it has done well and leaves nothing has crashed") {
  Given given("exit 0");
  given.start(given.training());
  CHECK(given.end().outcome == Outcome::crashed);
}

TEST_CASE("a stopped process is reported when it is gone, with its whole group") {
  Given given("trap '' TERM; (trap '' TERM; sleep 1000) & echo \"{\\\"pid\\\":$$,\\\"step\\\":$!}\"; while :; do sleep 0.1; done");
  given.start(given.training());
  REQUIRE(eventually([&] { return !given.heard<ProgressLine>().empty(); }));
  const auto line = given.heard<ProgressLine>()[0].json;
  int parent = 0, child = 0;
  REQUIRE(std::sscanf(line.c_str(), "{\"pid\":%d,\"step\":%d}", &parent, &child) == 2);
  given.runner->stop(given.training().id, StopWhy::cancel);
  given.runner->stop(given.training().id, StopWhy::lease_over);
  const auto ended = given.end();
  CHECK(ended.outcome == Outcome::stopped);
  CHECK_FALSE(is_alive(parent));
  CHECK_FALSE(is_alive(child));
}

TEST_CASE("the next attempt finds the checkpoints of the one before") {
  Given given(R"(if [ -e "$checkpoints/step" ]; then exit 2; fi; touch "$checkpoints/step"; kill -9 $$)");
  given.start(given.training(1));
  CHECK(given.end().outcome == Outcome::crashed);
  given.runner->forget(given.training(1).id);
  given.events.clear();
  given.start(given.training(2));
  CHECK(given.end().outcome == Outcome::failed);  // it has seen the checkpoint
}

TEST_CASE("a blob that is missing or damaged is said before anything is started") {
  Given given(trains_well);
  auto task = given.training();
  SECTION("missing") { task.model_files[1].digest = std::string(64, '0'); }
  SECTION("damaged") {
    const auto path = given.blobs.path_of(task.model_files[1].digest);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::ofstream(path) << "wEights";
  }
  given.start(task);
  const auto ended = given.end();
  CHECK(ended.outcome == Outcome::failed);
  CHECK(ended.retryable);
  CHECK(ended.reason.find("model.safetensors") != std::string::npos);
  CHECK(given.heard<ProcessStarted>().empty());
}

TEST_CASE("two attempts of one job never run at once on one disk") {
  Given given("echo '{\"step\":1}'; trap '' TERM; while :; do sleep 0.05; done");
  given.start(given.training(1));
  REQUIRE(eventually([&] { return !given.heard<ProgressLine>().empty(); }));
  ProcessTaskRunner other(given.config, given.door);  // as after a restart of the worker
  std::mutex mutex;
  std::optional<ProcessEnded> ended;
  other.start(given.training(2), [&](TaskEvent event) {
    const std::lock_guard lock(mutex);
    if (auto* end = std::get_if<ProcessEnded>(&event)) ended = *end;
  });
  REQUIRE(eventually([&] { const std::lock_guard lock(mutex); return ended.has_value(); }));
  CHECK(ended->retryable);
  CHECK(ended->reason == "the process of an earlier attempt is still there");
}

TEST_CASE("a runner that ends takes its processes with it") {
  Given given("echo \"{\\\"pid\\\":$$}\"; trap '' TERM; while :; do sleep 0.05; done");
  given.start(given.training());
  REQUIRE(eventually([&] { return !given.heard<ProgressLine>().empty(); }));
  int pid = 0;
  REQUIRE(std::sscanf(given.heard<ProgressLine>()[0].json.c_str(), "{\"pid\":%d}", &pid) == 1);
  given.runner.reset();
  CHECK_FALSE(is_alive(pid));
}

TEST_CASE("names from outside stay inside the work directory") {
  CHECK(safe_component("job-5Q2LoF8z") == "job-5Q2LoF8z");
  CHECK(safe_component("../../etc") == "%2E.%2F..%2Fetc");
  CHECK(safe_component("default--kind@v1.5") == "default--kind@v1.5");
  CHECK(safe_component("") == "%");
  CHECK(model_argument("/m", {{"smol.gguf", "", 0}, {"README.md", "", 0}}) == "/m/smol.gguf");
  CHECK(model_argument("/m", {{"config.json", "", 0}, {"model.gguf", "", 0}}) == "/m");
}

TEST_CASE("a validation before the first step is no step") {
  Scratch scratch;
  scratch.write("metrics.jsonl", "{\"step\":0,\"validation_loss\":0.7}\n{\"step\":1,\"loss\":2.0,\"tokens\":3}\n{\"step\":2,\"loss\":1.0,\"tokens\":4}\n");
  const auto summary = *summarise(scratch.root / "metrics.jsonl");
  CHECK(summary.steps == 2);
  CHECK(summary.first_loss == 2.0);
  CHECK(summary.tokens == 7);
  scratch.write("metrics.jsonl", "{\"step\":0}\n");
  CHECK_FALSE(summarise(scratch.root / "metrics.jsonl"));
}

TEST_CASE("broken metrics are named with their line") {
  Scratch scratch;
  scratch.write("metrics.jsonl", "{\"step\":1,\"loss\":2.0}\nnonsense\n");
  const auto summary = summarise(scratch.root / "metrics.jsonl");
  REQUIRE_FALSE(summary);
  CHECK(summary.error().message.find("line 2") != std::string::npos);
}

}  // namespace luthier::worker
