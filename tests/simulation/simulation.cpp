#include "tests/simulation/simulation.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <cstdio>

#include "actors/worker/host_actor.hpp"
#include "actors/worker/spawn_mode.hpp"
#include "tests/simulation/oracle.hpp"
#include "tests/simulation/sim_plane.hpp"
#include "tests/simulation/sim_runner.hpp"

namespace luthier::simulation {
namespace {

constexpr Time tick{10'000};

struct TestConfig : caf::actor_system_config {
  TestConfig() { set("scheduler.policy", caf::atom("testing")); }
};

// One machine with a worker that dies and comes back under a new incarnation.
class Machine {
 public:
  Machine(caf::actor_system& system, Agenda& agenda, SimBus& bus, Executions& executions, std::string name)
      : system_(system), agenda_(agenda), bus_(bus), name_(std::move(name)), runner_(agenda, executions, name_, {}) {}

  bool is_up() const { return host_ != nullptr; }

  void start() {
    worker::WorkerConfig config;
    config.name = name_;
    config.incarnation = name_ + "-" + std::to_string(++starts_);
    // On half of the starts the new process knows what it replaces, as one on the same disk does.
    if (starts_ > 1 && agenda_.happens(0.5)) config.replaces = name_ + "-" + std::to_string(starts_ - 1);
    config.host = name_;
    config.engine_version = "simulated";
    config.devices = {{"cpu", "cpu", "simulated", "none", std::int64_t{1} << 34, 2}};
    host_ = worker::spawn_worker_host(system_, config, {&bus_, &runner_}, SpawnMode::simulation);
  }

  void lose_power() {
    runner_.lose_power();
    caf::anon_send_exit(host_, caf::exit_reason::kill);
    host_ = nullptr;
  }

  void heal() { runner_.heal(); }

 private:
  caf::actor_system& system_;
  Agenda& agenda_;
  SimBus& bus_;
  std::string name_;
  SimRunner runner_;
  caf::actor host_;
  int starts_ = 0;
};

class Simulation {
 public:
  explicit Simulation(const Options& options)
      : options_(options), agenda_(options.seed), system_(config_),
        scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())),
        bus_(agenda_, Faults{}), plane_(system_, agenda_, bus_, options) {}

  ~Simulation() {
    if (plane_.is_up()) plane_.crash(false, [this] { settle(); });
    for (auto& machine : machines_)
      if (machine->is_up()) machine->lose_power();
    settle();
    system_.await_actors_before_shutdown(false);
  }

  Report run() {
    executions_.trace = [this](const std::string& what) { trace(what); };
    start_plane();
    for (const char* name : {"east", "west"}) {
      machines_.push_back(std::make_unique<Machine>(system_, agenda_, bus_, executions_, name));
      machines_.back()->start();
    }
    for (const char* name : {"alice", "bob"}) {
      clients_.push_back(std::make_unique<SimClient>(agenda_, bus_, name, 40));
      clients_.back()->begin();
    }
    chaos();
    calm();
    return finish();
  }

 private:
  void trace(const std::string& what) const {
    if (options_.trace) std::printf("%10.3f  %s\n", static_cast<double>(agenda_.now().count()) / 1e6, what.c_str());
  }

  void settle() {
    while (scheduler_.try_run_once()) {
    }
  }

  // Everything that is due now, in an order that the seed chose through the delays. A crash may come between any two steps.
  void run_ready(double crash_probability) {
    while (scheduler_.try_run_once()) {
      if (plane_.is_up() && !plane_.fatal().empty()) crash_plane(false);
      if (crash_probability > 0 && plane_.is_up() && agenda_.happens(crash_probability)) crash_plane(agenda_.happens(0.5));
    }
  }

  void advance(double crash_probability) {
    auto next = agenda_.now() + tick;
    if (const auto due = agenda_.next_due(); due && *due < next) next = std::max(*due, agenda_.now() + Time{1});
    scheduler_.advance_time(std::chrono::nanoseconds(next - agenda_.now()));
    agenda_.advance_to(next);
    run_ready(crash_probability);
  }

  void start_plane() {
    const auto problem = plane_.start();
    if (problem.empty()) return;
    report_.violations.push_back(problem);
    is_broken_ = true;
  }

  void crash_plane(bool power_cut) {
    trace(power_cut ? "the power of the control plane is cut" : "the control plane is killed");
    ++(power_cut ? report_.power_cuts : report_.plane_crashes);
    plane_.crash(power_cut, [this] { settle(); });
    agenda_.in(agenda_.time_between(Time{50'000}, Time{4'000'000}), [this] {
      if (!plane_.is_up() && !is_broken_) start_plane();
    });
  }

  void stop_bus() {
    trace("the bus goes down");
    ++report_.bus_outages;
    bus_.stop();
    agenda_.in(agenda_.time_between(Time{100'000}, Time{6'000'000}), [this] {
      bus_.start(agenda_.happens(0.5) ? static_cast<std::size_t>(agenda_.between(0, 20)) : 0);
    });
  }

  void lose_worker() {
    auto& machine = *machines_[static_cast<std::size_t>(agenda_.between(0, 1))];
    if (!machine.is_up()) return;
    trace("a worker loses its power");
    ++report_.worker_crashes;
    machine.lose_power();
    agenda_.in(agenda_.time_between(Time{100'000}, Time{25'000'000}), [&machine] {
      if (!machine.is_up()) machine.start();
    });
  }

  void chaos() {
    const Time end = Time(std::chrono::seconds(options_.chaos_seconds));
    Time trouble = agenda_.time_between(Time{1'000'000}, Time{8'000'000});
    while (agenda_.now() < end && !is_broken_) {
      advance(0.0005);
      if (agenda_.now() < trouble) continue;
      trouble = agenda_.now() + agenda_.time_between(Time{1'000'000}, Time{12'000'000});
      const auto dice = agenda_.between(0, 9);
      if (dice < 4 && plane_.is_up()) crash_plane(agenda_.happens(0.6));
      else if (dice < 7 && bus_.connected()) stop_bus();
      else lose_worker();
    }
  }

  // From here on nothing goes wrong, and everything must come to rest.
  void calm() {
    bus_.heal();
    for (auto& machine : machines_) machine->heal();
    const Time end = agenda_.now() + Time(std::chrono::seconds(options_.calm_seconds));
    bool is_told = false;
    while (agenda_.now() < end && !is_broken_) {
      advance(0);
      if (!is_told && plane_.is_up() && bus_.connected()) {
        is_told = true;
        for (auto& client : clients_) client->hurry();
      }
    }
  }

  Report finish() {
    if (is_broken_) return report_;
    std::vector<const SimClient*> clients;
    for (const auto& client : clients_) {
      clients.push_back(client.get());
      report_.receipts += static_cast<std::int64_t>(client->promises().size());
      if (!client->is_done()) report_.violations.push_back("a client waits for a receipt for ever");
    }
    const auto records = read_all(plane_.log());
    for (auto part : {broken_promises(records, clients), unfinished(records, plane_.log(), bus_, plane_.projections()), executions_.violations})
      report_.violations.insert(report_.violations.end(), part.begin(), part.end());
    report_.events = static_cast<std::int64_t>(records.size());
    report_.digest = records.empty() ? "" : records.back().hash;
    for (const auto& record : records) {
      if (record.type == "JobCompleted" || record.type == "JobFailed" || record.type == "JobCancelled") ++report_.jobs_ended;
      if (record.type == "AdapterCreated") ++report_.adapters;
      if (options_.trace) std::printf("%6ld %s %s %s\n", static_cast<long>(record.position), record.type.c_str(), record.name.c_str(), record.data.c_str());
    }
    return report_;
  }

  Options options_;
  Agenda agenda_;
  TestConfig config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  SimBus bus_;
  Executions executions_;
  SimPlane plane_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  Report report_;
  bool is_broken_ = false;
};

}  // namespace

Report simulate(const Options& options) { return Simulation(options).run(); }

}  // namespace luthier::simulation
