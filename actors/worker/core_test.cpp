#include "actors/worker/core.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "events/base/overloaded.hpp"

namespace luthier::worker {
namespace {

using Outcome = TaskReport::Outcome;
using State = TaskReport::State;

Task training(const std::string& job, std::int64_t attempt, const std::string& stop = "") {
  Task task;
  task.id = {TaskKind::train, job, attempt};
  task.workspace = "default";
  task.name = job;
  task.device = "cpu";
  task.stop = stop;
  return task;
}

Task serving(const std::string& deployment, std::int64_t attempt, std::vector<AdapterWish> adapters = {}) {
  Task task = training(deployment, attempt);
  task.id.kind = TaskKind::serve;
  task.adapters = std::move(adapters);
  return task;
}

Lease lease_of(std::int64_t sequence, std::vector<Task> tasks, std::int64_t position = 0) {
  return {"now", sequence, 15000, std::move(tasks), position};
}

template <class T>
std::vector<T> all(const Actions& actions) {
  std::vector<T> found;
  for (const auto& action : actions)
    if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
  return found;
}

TaskReport report_of(const WorkerCore& core, const TaskId& id) {
  for (const auto& report : core.reports())
    if (report.id == id) return report;
  FAIL("no report of " << to_string(id));
  return {};
}

ProcessEnded completed() { return {Outcome::completed, "", false, {{"adapter_model.safetensors", "d", 1}}, {}}; }
ProcessEnded stopped() { return {Outcome::stopped, "", false, {}, {}}; }

WorkerCore fresh() { return WorkerCore("now", {"cpu"}); }

}  // namespace

TEST_CASE("a named task is started once, however often it is named") {
  auto core = fresh();
  CHECK(all<StartTask>(core.lease(lease_of(1, {training("a", 1)}), true)).size() == 1);
  CHECK(core.lease(lease_of(1, {training("a", 1)}), true).empty());
  CHECK(core.lease(lease_of(2, {training("a", 1)}), true).empty());
  CHECK(core.lease(lease_of(0, {training("a", 1)}), false).empty());
  CHECK(report_of(core, {TaskKind::train, "a", 1}).state == State::starting);
}

TEST_CASE("nothing is started without a lease that holds, and a hint is none") {
  auto core = fresh();
  CHECK(core.lease(lease_of(0, {training("a", 1)}), false).empty());
  CHECK(core.lease(lease_of(1, {training("a", 1)}), false).empty());
  CHECK(all<StartTask>(core.lease(lease_of(2, {training("a", 1)}), true)).size() == 1);
}

TEST_CASE("a lease of another incarnation is ignored") {
  auto core = fresh();
  auto other = lease_of(1, {training("a", 1)});
  other.incarnation = "before";
  CHECK(core.lease(other, true).empty());
  CHECK_FALSE(core.is_leased());
}

TEST_CASE("a lease that answers an older beat is ignored") {
  auto core = fresh();
  core.lease(lease_of(5, {training("a", 1)}), true);
  CHECK(core.lease(lease_of(4, {}), true).empty());
  CHECK(core.has_processes());
}

TEST_CASE("tasks of an older position of the log change nothing, but the lease holds") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1)}, 50), true);
  core.lease_over();
  CHECK_FALSE(core.is_leased());
  const auto actions = core.lease(lease_of(2, {}, 40), true);
  CHECK(core.is_leased());
  CHECK(all<ForgetTask>(actions).empty());
  CHECK(report_of(core, {TaskKind::train, "a", 1}).state == State::starting);
}

TEST_CASE("a late hint from an older position of the log takes nothing back") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1)}, 50), true);
  CHECK(core.lease(lease_of(0, {}, 40), false).empty());
  CHECK(core.has_processes());
}

TEST_CASE("a late hint with an older attempt does not stop the newer one") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 2)}), true);
  CHECK(core.lease(lease_of(0, {training("a", 1)}), false).empty());
}

TEST_CASE("a task that no lease names any more is stopped, then forgotten, and never starts again") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1)}), true);
  const auto stops = all<StopTask>(core.lease(lease_of(2, {}), true));
  REQUIRE(stops.size() == 1);
  CHECK(stops[0].why == StopWhy::withdrawn);
  CHECK(core.lease(lease_of(3, {}), true).empty());
  CHECK(all<ForgetTask>(core.event({TaskKind::train, "a", 1}, stopped())).size() == 1);
  CHECK(core.reports().empty());

  const auto again = core.lease(lease_of(4, {training("a", 1)}), true);
  CHECK(all<StartTask>(again).empty());
  CHECK(report_of(core, {TaskKind::train, "a", 1}).outcome == Outcome::stopped);
  CHECK(all<StartTask>(core.lease(lease_of(5, {training("a", 2)}), true)).size() == 1);
}

TEST_CASE("a completed task is reported until a lease no longer names it") {
  auto core = fresh();
  const TaskId id{TaskKind::train, "a", 1};
  core.lease(lease_of(1, {training("a", 1)}), true);
  core.event(id, ProcessStarted{3});
  CHECK(all<SendBeat>(core.event(id, CheckpointWritten{7})).size() == 1);
  CHECK(all<SendBeat>(core.event(id, CheckpointWritten{7})).empty());
  CHECK(all<SendBeat>(core.event(id, completed())).size() == 1);
  for (std::int64_t sequence = 2; sequence < 5; ++sequence) {
    CHECK(core.lease(lease_of(sequence, {training("a", 1)}), true).empty());
    const auto report = report_of(core, id);
    CHECK(report.outcome == Outcome::completed);
    CHECK(report.checkpoint_step == 7);
    CHECK(report.resumed_from_step == 3);
    CHECK(report.files.size() == 1);
  }
  CHECK(all<ForgetTask>(core.lease(lease_of(5, {}), true)).size() == 1);
  CHECK(core.reports().empty());
}

TEST_CASE("the next attempt waits until the process of the one before is gone") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1)}), true);
  const auto actions = core.lease(lease_of(2, {training("a", 2)}), true);
  CHECK(all<StartTask>(actions).empty());
  CHECK(all<StopTask>(actions).size() == 1);
  CHECK(all<StartTask>(core.event({TaskKind::train, "a", 1}, stopped())).size() == 1);
}

TEST_CASE("a device trains one job at a time, and serves beside it") {
  auto core = fresh();
  const auto actions = core.lease(lease_of(1, {training("a", 1), training("b", 1), serving("s", 1)}), true);
  CHECK(all<StartTask>(actions).size() == 2);
  CHECK(all<StartTask>(core.event({TaskKind::train, "a", 1}, completed())).size() == 1);
}

TEST_CASE("a task of a device that is not here fails and says so") {
  auto core = fresh();
  auto task = training("a", 1);
  task.device = "cuda:0";
  core.lease(lease_of(1, {task}), true);
  const auto report = report_of(core, task.id);
  CHECK(report.outcome == Outcome::failed);
  CHECK_FALSE(report.retryable);
  CHECK(report.reason == "this worker has no device \"cuda:0\"");
}

TEST_CASE("what is to be stopped before it has started ends at once") {
  auto core = fresh();
  const auto actions = core.lease(lease_of(1, {training("a", 1, "cancel")}), true);
  CHECK(all<StartTask>(actions).empty());
  CHECK(report_of(core, {TaskKind::train, "a", 1}).outcome == Outcome::stopped);
}

TEST_CASE("a pause that becomes a cancel is made more urgent, and never milder") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1)}), true);
  const auto pause = all<StopTask>(core.lease(lease_of(2, {training("a", 1, "pause")}), true));
  REQUIRE(pause.size() == 1);
  CHECK(pause[0].why == StopWhy::pause);
  const auto cancel = all<StopTask>(core.lease(lease_of(3, {training("a", 1, "cancel")}), true));
  REQUIRE(cancel.size() == 1);
  CHECK(cancel[0].why == StopWhy::cancel);
  CHECK(core.lease(lease_of(4, {training("a", 1, "pause")}), true).empty());
  CHECK(core.lease(lease_of(5, {training("a", 1)}), true).empty());  // what was stopped stays so
}

TEST_CASE("when the lease has run out everything is stopped, said to be so, and not started again") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1), training("b", 1), serving("s", 1)}), true);
  const auto stops = all<StopTask>(core.lease_over());
  CHECK(stops.size() == 2);
  for (const auto& stop : stops) CHECK(stop.why == StopWhy::lease_over);
  // The waiting one must not take the device that has become free.
  CHECK(all<StartTask>(core.event({TaskKind::train, "a", 1}, stopped())).empty());
  CHECK(report_of(core, {TaskKind::train, "a", 1}).reason == "the worker's lease ran out");
  CHECK(report_of(core, {TaskKind::train, "a", 1}).retryable);
  const auto after = all<StartTask>(core.lease(lease_of(2, {training("a", 1), training("b", 1), serving("s", 1)}), true));
  REQUIRE(after.size() == 1);
  CHECK(after[0].task.id.entity_id == "b");
}

TEST_CASE("a worker that leaves stops everything and starts nothing") {
  auto core = fresh();
  core.lease(lease_of(1, {training("a", 1)}), true);
  CHECK(all<StopTask>(core.leave()).size() == 1);
  CHECK(core.has_processes());
  CHECK(all<StartTask>(core.lease(lease_of(2, {training("a", 1), serving("s", 1)}), true)).empty());
  core.event({TaskKind::train, "a", 1}, stopped());
  CHECK_FALSE(core.has_processes());
}

TEST_CASE("adapters are brought to what is wished") {
  auto core = fresh();
  const TaskId id{TaskKind::serve, "s", 1};
  const AdapterWish one{"default--one", "f@1", {}}, two{"default--two", "g@1", {}};
  const AdapterWish one_newer{"default--one", "f@2", {}};
  core.lease(lease_of(1, {serving("s", 1, {one})}), true);
  CHECK(all<LoadAdapter>(core.event(id, ServerReady{"http://127.0.0.1:1"})).size() == 1);
  CHECK(core.lease(lease_of(2, {serving("s", 1, {one})}), true).empty());  // asked already
  core.event(id, AdapterIn{"default--one", "f@1"});
  CHECK(report_of(core, id).adapters == std::vector<AdapterReport>{{"default--one", "f@1", ""}});

  SECTION("another content replaces the one before") {
    const auto loads = all<LoadAdapter>(core.lease(lease_of(3, {serving("s", 1, {one_newer})}), true));
    REQUIRE(loads.size() == 1);
    CHECK(loads[0].adapter.key == "f@2");
  }
  SECTION("what is no longer wished is unloaded") {
    CHECK(all<UnloadAdapter>(core.lease(lease_of(3, {serving("s", 1, {two})}), true)).size() == 1);
    core.event(id, AdapterOut{"default--one"});
    core.event(id, AdapterIn{"default--two", "g@1"});
    CHECK(report_of(core, id).adapters == std::vector<AdapterReport>{{"default--two", "g@1", ""}});
  }
  SECTION("a failure is reported and tried again only when it is wished anew") {
    core.lease(lease_of(3, {serving("s", 1, {one, two})}), true);
    core.event(id, AdapterFailed{"default--two", "g@1", "no such tensor"});
    CHECK(report_of(core, id).adapters.back() == AdapterReport{"default--two", "g@1", "no such tensor"});
    CHECK(all<LoadAdapter>(core.lease(lease_of(4, {serving("s", 1, {one, two})}), true)).empty());
    CHECK(all<SendBeat>(core.lease(lease_of(5, {serving("s", 1, {one})}), true)).size() == 1);
    CHECK(report_of(core, id).adapters.size() == 1);
    CHECK(all<LoadAdapter>(core.lease(lease_of(6, {serving("s", 1, {one, two})}), true)).size() == 1);
  }
  SECTION("what the server has lost is loaded again") {
    CHECK(all<LoadAdapter>(core.event(id, AdaptersSeen{})).size() == 1);
  }
  SECTION("what the server has beyond the wish is unloaded, again after a failure once it is seen anew") {
    const AdaptersSeen seen{{{"default--one", "f@1", ""}, {"default--old", "x@1", ""}}};
    CHECK(all<UnloadAdapter>(core.event(id, seen)).size() == 1);
    CHECK(all<UnloadAdapter>(core.event(id, AdapterFailed{"default--old", "", "busy"})).empty());
    CHECK(all<UnloadAdapter>(core.event(id, seen)).size() == 1);
  }
}

TEST_CASE("ended attempts are remembered within a bound") {
  EndedAttempts ended(3);
  for (int i = 0; i < 10; ++i) ended.remember({TaskKind::train, "job-" + std::to_string(i), 2});
  CHECK(ended.has({TaskKind::train, "job-9", 1}));
  CHECK(ended.has({TaskKind::train, "job-9", 2}));
  CHECK_FALSE(ended.has({TaskKind::train, "job-9", 3}));
  CHECK_FALSE(ended.has({TaskKind::serve, "job-9", 1}));
  CHECK_FALSE(ended.has({TaskKind::train, "job-0", 1}));
}

namespace {

// A world of processes beside the core: whatever the core orders is done, after a while, and the rules are checked at
// every step.
class Machine {
 public:
  explicit Machine(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !failed_; ++i) step();
    settle();
  }
  bool failed() const { return failed_; }

 private:
  int pick(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }
  void expect(bool truth, const char* what) {
    if (!truth && !failed_) FAIL_CHECK(what);
    failed_ |= !truth;
  }

  void step() {
    switch (pick(8)) {
      case 0: case 1: place_or_end(); break;
      case 2: case 3: say(); break;
      case 4: repeat_old(); break;
      case 5: case 6: process_event(); break;
      case 7: if (chance(20)) do_all(core_.lease_over()), leased_ = false; break;
    }
    check();
  }

  // The control plane's truth: one attempt of each entity, or none.
  void place_or_end() {
    const auto entity = "e" + std::to_string(pick(4));
    auto& wish = wishes_[entity];
    ++position_;
    if (!wish) {
      wish = chance(50) ? training(entity, ++attempts_[entity]) : serving(entity, ++attempts_[entity]);
      wish->id.kind = entity < "e2" ? TaskKind::train : TaskKind::serve;
    } else if (chance(40)) {
      wish->stop = chance(50) ? "cancel" : "pause";
    } else if (chance(50)) {
      wish.reset();  // it was lost
    } else {
      wish->adapters = {{"a" + std::to_string(pick(2)), "k@" + std::to_string(pick(2)), {}}};
    }
  }

  Lease truth(std::int64_t sequence) {
    std::vector<Task> tasks;
    for (const auto& [entity, wish] : wishes_)
      if (wish) tasks.push_back(*wish);
    return lease_of(sequence, std::move(tasks), position_);
  }

  void say() {
    const auto lease = truth(chance(30) ? 0 : ++sequence_);
    said_.push_back(lease);
    hear(lease);
    if (lease.sequence == 0) return;
    // What has been reported as ended is taken in, and not named any more.
    for (const auto& report : core_.reports())
      if (auto& wish = wishes_[report.id.entity_id]; wish && wish->id == report.id && report.state == State::ended) {
        expect(!processes_.contains(report.id), "reported as ended, and still there");
        if (chance(50)) wish.reset(), ++position_;
      }
  }

  void repeat_old() {
    if (!said_.empty()) hear(said_[pick(static_cast<int>(said_.size()))]);
  }

  void hear(const Lease& lease) {
    if (lease.sequence > 0) leased_ = leased_ || lease.sequence >= heard_;
    heard_ = std::max(heard_, lease.sequence);
    if (lease.position >= newest_.position && (lease.sequence == 0 || lease.sequence >= heard_)) newest_ = lease;
    do_all(core_.lease(lease, lease.sequence > 0));
  }

  void process_event() {
    if (processes_.empty()) return;
    auto process = std::next(processes_.begin(), pick(static_cast<int>(processes_.size())));
    const auto id = process->first;
    auto& state = process->second;
    if (state.is_stopping || chance(15)) {
      const bool is_completed = !state.is_stopping && chance(50);
      processes_.erase(process);
      return do_all(core_.event(id, is_completed ? completed() : stopped()));
    }
    if (!state.is_running) {
      state.is_running = true;
      return do_all(core_.event(id, id.kind == TaskKind::train ? TaskEvent(ProcessStarted{}) : TaskEvent(ServerReady{"x"})));
    }
    if (state.orders.empty()) return;
    const auto order = state.orders.front();
    state.orders.erase(state.orders.begin());
    do_all(core_.event(id, order));
  }

  void do_all(const Actions& actions) {
    for (const auto& action : actions) std::visit([&](const auto& a) { perform(a); }, action);
  }
  void perform(const StartTask& start) {
    const auto& id = start.task.id;
    expect(leased_, "started without a lease");
    expect(started_.insert(id).second, "an attempt was started twice");
    for (const auto& [other, process] : processes_) {
      expect(other.entity_id != id.entity_id, "two processes of one entity");
      expect(other.kind != TaskKind::train || id.kind != TaskKind::train, "two training processes on one device");
    }
    processes_[id] = {};
  }
  void perform(const StopTask& stop) {
    expect(processes_.contains(stop.task), "stopped what is not there");
    if (stop.why == StopWhy::withdrawn)
      for (const auto& task : newest_.tasks) expect(task.id != stop.task, "stopped by what was said before");
    processes_[stop.task].is_stopping = true;
  }
  void perform(const LoadAdapter& load) {
    processes_.at(load.task).orders.push_back(AdapterIn{load.adapter.served_name, load.adapter.key});
  }
  void perform(const UnloadAdapter& unload) {
    processes_.at(unload.task).orders.push_back(AdapterOut{unload.served_name});
  }
  void perform(const ForgetTask& forget) { expect(!processes_.contains(forget.task), "forgotten while it runs"); }
  void perform(const SendBeat&) {}

  void check() {
    for (const auto& [id, process] : processes_)
      expect(leased_ || process.is_stopping, "a process runs on without a lease");
    expect(core_.has_processes() == !processes_.empty(), "the core and the machine disagree on what runs");
  }

  // From wherever it is, the same lease heard again and again brings it to rest at what the lease says.
  void settle() {
    for (int i = 0; i < 200 && !failed_; ++i) {
      hear(truth(++sequence_));
      for (auto& [entity, wish] : wishes_)
        if (wish && ended_by_report(wish->id)) wish.reset(), ++position_;
      for (int j = 0; j < 10; ++j) advance();
    }
    expect(core_.lease(truth(++sequence_), true).empty(), "it does not come to rest");
    for (const auto& [entity, wish] : wishes_)
      if (wish && wish->stop.empty() && wish->id.kind == TaskKind::serve)
        expect(processes_.contains(wish->id), "what is wished does not run");
    for (const auto& [id, process] : processes_)
      expect(wishes_[id.entity_id] && wishes_[id.entity_id]->id == id, "what nobody wishes runs");
  }

  bool ended_by_report(const TaskId& id) const {
    for (const auto& report : core_.reports())
      if (report.id == id) return report.state == State::ended;
    return false;
  }

  void advance() {  // processes do what they were asked, and go on otherwise
    if (processes_.empty()) return;
    const auto process = std::next(processes_.begin(), pick(static_cast<int>(processes_.size())));
    if (process->second.is_stopping || !process->second.is_running || !process->second.orders.empty()) {
      const auto id = process->first;
      if (process->second.is_stopping) {
        processes_.erase(process);
        return do_all(core_.event(id, stopped()));
      }
      process_event();
    }
  }

  struct Process {
    bool is_running = false, is_stopping = false;
    std::vector<TaskEvent> orders;
  };
  std::mt19937_64 random_;
  WorkerCore core_{"now", {"cpu"}};
  std::map<std::string, std::optional<Task>> wishes_;
  std::map<std::string, std::int64_t> attempts_;
  std::map<TaskId, Process> processes_;
  std::set<TaskId> started_;
  std::vector<Lease> said_;
  Lease newest_;
  std::int64_t sequence_ = 0, heard_ = 0, position_ = 1;
  bool leased_ = false, failed_ = false;
};

}  // namespace

TEST_CASE("leases that are lost, repeated and late never make two processes, and the last one wins") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Machine machine(seed);
    machine.run(120);
    if (machine.failed()) FAIL("seed " << seed);
  }
}

}  // namespace luthier::worker
