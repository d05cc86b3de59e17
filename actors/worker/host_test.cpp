#include "actors/worker/host_actor.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include "actors/bus/bus.hpp"
#include "actors/bus/subjects.hpp"
#include "actors/worker/messages.hpp"
#include "actors/worker/spawn_mode.hpp"

namespace luthier::worker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = TaskReport::State;
using Outcome = TaskReport::Outcome;

class TestBus final : public bus::Bus {
 public:
  void publish(bus::Message message) override { published.push_back(std::move(message)); }
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string& subject, Handler handler) override {
    handlers[subject] = std::move(handler);
    return std::unique_ptr<bus::Subscription>(std::make_unique<End>(*this, subject));
  }
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t, std::function<void(bus::Delivery)>) override {
    return Error{ErrorCode::unavailable, "not here", ""};
  }
  void acknowledge(std::uint64_t) override {}
  Result<bus::EventCopy> event_copy() override { return Error{ErrorCode::unavailable, "not here", ""}; }
  void publish_events(std::int64_t, std::vector<bus::Message>, std::function<void(Result<void>)>) override {}
  bool connected() const override { return true; }

  std::vector<Beat> beats() const {
    std::vector<Beat> beats;
    for (const auto& message : published)
      if (message.subject == bus::beat_subject("w")) beats.push_back(*decode_beat(message.payload));
    return beats;
  }
  std::vector<std::string> of_kind(const std::string& kind) const {
    std::vector<std::string> payloads;
    for (const auto& message : published)
      if (message.subject == bus::telemetry_subject("default", "a", kind)) payloads.push_back(message.payload);
    return payloads;
  }

  std::vector<bus::Message> published;
  std::map<std::string, Handler> handlers;

 private:
  struct End final : bus::Subscription {
    End(TestBus& bus, std::string subject) : bus(bus), subject(std::move(subject)) {}
    ~End() override { bus.handlers.erase(subject); }
    TestBus& bus;
    std::string subject;
  };
};

class TestRunner final : public TaskRunner {
 public:
  void start(const Task& task, Listener listener) override { running[task.id] = std::move(listener); }
  void stop(const TaskId& task, StopWhy why) override {
    if (running.contains(task)) stops.push_back({task, why});
    if (obeys) end(task, {Outcome::stopped, "", false, {}, {}});
  }
  void load_adapter(const TaskId& task, const AdapterWish& wish) override { running.at(task)(AdapterIn{wish.served_name, wish.key}); }
  void unload_adapter(const TaskId& task, const std::string& name) override { running.at(task)(AdapterOut{name}); }
  void forget(const TaskId& task) override { forgotten.push_back(task); }
  void end(const TaskId& task, ProcessEnded ended) {
    const auto found = running.find(task);
    if (found == running.end()) return;
    const auto listener = found->second;
    running.erase(found);
    listener(std::move(ended));
  }

  std::map<TaskId, Listener> running;
  std::vector<std::pair<TaskId, StopWhy>> stops;
  std::vector<TaskId> forgotten;
  bool obeys = true;
};

caf::actor_system_config& with_test_scheduler(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("testing"));
  return config;
}

// A worker under a virtual clock; the control plane is the test.
struct Given {
  Given() : system(with_test_scheduler(config)), scheduler(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())) {
    worker.name = "w";
    worker.incarnation = "now";
    worker.devices = {{"cpu", "cpu", "a CPU", "avx2", 1 << 30, 2}};
    host = spawn_worker_host(system, worker, {&bus, &runner}, SpawnMode::simulation);
    settle();
  }
  ~Given() {
    caf::anon_send_exit(host, caf::exit_reason::kill);
    settle();
  }

  void settle() {
    while (scheduler.try_run_once()) {}
  }
  void pass(milliseconds time) {
    scheduler.advance_time(time);
    settle();
  }
  void answer(std::vector<Task> tasks, std::int64_t lease_ms = 15000) {
    bus.handlers.at(bus::work_subject("w"))(
        {"", "", {}, encode(Lease{"now", bus.beats().back().sequence, lease_ms, std::move(tasks), 0})});
    settle();
  }
  static Task training() {
    Task task;
    task.id = {TaskKind::train, "job-a", 1};
    task.workspace = "default";
    task.name = "a";
    task.device = "cpu";
    return task;
  }
  void say(const TaskEvent& event) {
    runner.running.at(training().id)(event);
    settle();
  }

  caf::actor_system_config config;
  caf::actor_system system;
  caf::scheduler::test_coordinator& scheduler;
  WorkerConfig worker;
  TestBus bus;
  TestRunner runner;
  caf::actor host;
};

}  // namespace

TEST_CASE("a worker says hello at once and then regularly") {
  Given given;
  REQUIRE(given.bus.beats().size() == 1);
  CHECK(given.bus.beats()[0].sequence == 1);
  CHECK(given.bus.beats()[0].devices.size() == 1);
  for (int i = 0; i < 5; ++i) given.pass(seconds(2));
  CHECK(given.bus.beats().size() == 6);
}

TEST_CASE("a leased task is started, and what happens to it is told at once") {
  Given given;
  given.answer({Given::training()});
  REQUIRE(given.runner.running.size() == 1);
  given.pass(milliseconds(60));
  CHECK(given.bus.beats().back().tasks.at(0).state == State::starting);
  given.say(ProcessStarted{0});
  given.say(CheckpointWritten{5});
  given.pass(milliseconds(60));
  CHECK(given.bus.beats().back().tasks.at(0).checkpoint_step == 5);
  CHECK(given.bus.beats().size() <= 3);  // a burst of changes is one beat
}

TEST_CASE("a worker that hears nothing stops its tasks when its lease has run out, counted from the beat") {
  Given given;
  given.pass(seconds(2));
  given.answer({Given::training()}, 15000);  // answers the beat sent now
  given.pass(milliseconds(14'900));
  CHECK(given.runner.stops.empty());
  given.pass(milliseconds(200));
  REQUIRE(given.runner.stops.size() == 1);
  CHECK(given.runner.stops[0].second == StopWhy::lease_over);
  CHECK(given.runner.running.empty());
  given.pass(seconds(1));
  CHECK(given.bus.beats().back().tasks.at(0).outcome == Outcome::stopped);
}

TEST_CASE("an answer that comes too late extends nothing") {
  Given given;
  const auto old = given.bus.beats().back().sequence;
  given.pass(seconds(20));
  given.bus.handlers.at(bus::work_subject("w"))({"", "", {}, encode(Lease{"now", old, 15000, {Given::training()}, 0})});
  given.settle();
  CHECK(given.runner.running.empty());
}

TEST_CASE("broken leases have no effect") {
  Given given;
  for (const std::string payload : {"", "{", "[]", R"({"incarnation":"now"})"}) {
    given.bus.handlers.at(bus::work_subject("w"))({"", "", {}, payload});
    given.settle();
  }
  given.answer({Given::training()});
  CHECK(given.runner.running.size() == 1);
}

TEST_CASE("telemetry is sent on the job's subjects, within its rate") {
  Given given;
  given.answer({Given::training()});
  for (int i = 1; i <= 50; ++i) {
    given.say(ProgressLine{"{\"step\":" + std::to_string(i) + "}"});
    given.pass(milliseconds(20));
  }
  given.pass(seconds(1));
  const auto lines = given.bus.of_kind("progress");
  CHECK(lines.size() >= 5);
  CHECK(lines.size() <= 7);
  CHECK(lines.back() == R"({"attempt":1,"step":50})");
  given.say(LogLine{"hello \"you\""});
  CHECK(given.bus.of_kind("log") == std::vector<std::string>{R"({"attempt":1,"worker":"w","line":"hello \"you\""})"});
}

TEST_CASE("a training process without a sign of life is ended as crashed") {
  Given given;
  given.answer({Given::training()});
  given.say(ProcessStarted{0});
  for (int i = 0; i < 290; ++i) {
    given.pass(seconds(2));
    given.answer({Given::training()});
  }
  CHECK(given.runner.stops.empty());
  for (int i = 0; i < 20; ++i) {
    given.pass(seconds(2));
    given.answer({Given::training()});
  }
  REQUIRE(given.runner.stops.size() == 1);
  CHECK(given.runner.stops[0].second == StopWhy::stuck);
  given.pass(seconds(2));
  const auto report = given.bus.beats().back().tasks.at(0);
  CHECK(report.outcome == Outcome::crashed);
  CHECK(report.retryable);
}

TEST_CASE("a worker leaves when its processes are gone, and says so last") {
  Given given;
  given.answer({Given::training()});
  given.runner.obeys = false;
  caf::anon_send(given.host, Leave{});
  given.settle();
  CHECK_FALSE(given.bus.beats().back().leaving);
  CHECK(given.runner.stops.at(0).second == StopWhy::leaving);
  given.runner.end(Given::training().id, {Outcome::stopped, "", false, {}, {}});
  given.settle();
  CHECK(given.bus.beats().back().leaving);
  CHECK(given.bus.beats().back().tasks.at(0).outcome == Outcome::stopped);
  CHECK(given.bus.handlers.empty());  // it listens no more
}

TEST_CASE("when the host dies its tasks die with it") {
  Given given;
  given.answer({Given::training()});
  caf::anon_send_exit(given.host, caf::exit_reason::kill);
  given.settle();
  CHECK(given.runner.running.empty());
}

TEST_CASE("an accepted end is forgotten everywhere") {
  Given given;
  given.answer({Given::training()});
  given.runner.end(Given::training().id, {Outcome::completed, "", false, {}, {}});
  given.settle();
  given.pass(seconds(2));
  CHECK(given.bus.beats().back().tasks.size() == 1);
  given.answer({});
  CHECK(given.runner.forgotten.size() == 1);
  given.pass(seconds(2));
  CHECK(given.bus.beats().back().tasks.empty());
}

}  // namespace luthier::worker
