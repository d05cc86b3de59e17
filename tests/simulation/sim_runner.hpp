// The processes of one simulated machine: they train in virtual time, write checkpoints to a disk that outlives them, crash,
// and end with the result. A record of who ran when, kept outside, is how two attempts at once would be seen.
#pragma once

#include <map>
#include <set>
#include <string>

#include "actors/worker/doors.hpp"
#include "tests/simulation/agenda.hpp"

namespace luthier::simulation {

// What every job's processes did, over all machines.
struct Executions {
  std::map<std::string, std::set<std::string>> alive;  // entity id -> "worker/attempt" of its living processes
  std::vector<std::string> violations;
  std::function<void(const std::string&)> trace = [](const std::string&) {};
  void began(const std::string& entity_id, const std::string& who);
  void ended(const std::string& entity_id, const std::string& who);
};

struct RunnerFaults {
  double crash = 0.03;  // of a process, at each step
  double fail = 0.01;   // of a job, for good
  double load_fails = 0.05;
};

class SimRunner final : public worker::TaskRunner {
 public:
  SimRunner(Agenda& agenda, Executions& executions, std::string machine, RunnerFaults faults)
      : agenda_(agenda), executions_(executions), machine_(std::move(machine)), faults_(faults) {}

  void start(const worker::Task& task, Listener listener) override;
  void stop(const worker::TaskId& task, worker::StopWhy why) override;
  void load_adapter(const worker::TaskId& task, const worker::AdapterWish& adapter) override;
  void unload_adapter(const worker::TaskId& task, const std::string& served_name) override;
  void forget(const worker::TaskId& task) override;

  void lose_power();  // every process is gone without a word; checkpoints stay
  void heal() { faults_ = {0, 0, 0}; }

 private:
  struct Process {
    worker::Task task;
    Listener listener;
    std::int64_t step = 0, steps = 0;
    std::int64_t resumed_from = 0;
  };
  using Key = std::pair<worker::TaskId, std::int64_t>;  // and a number: an id may come again after a loss of power

  void begin(const worker::TaskId& id);
  void take_step(const worker::TaskId& id);
  void end(const worker::TaskId& id, worker::ProcessEnded ended);
  // Runs `what` later, if the process is still the same one.
  void later(const worker::TaskId& id, Time delay, std::function<void(Process&)> what);
  std::string who(const worker::TaskId& id) const;

  Agenda& agenda_;
  Executions& executions_;
  std::string machine_;
  RunnerFaults faults_;
  std::map<worker::TaskId, std::pair<std::int64_t, Process>> processes_;
  std::map<std::string, std::int64_t> checkpoints_;  // on disk: entity id -> step
  std::int64_t started_ = 0;
};

}  // namespace luthier::simulation
