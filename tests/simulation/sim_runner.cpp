#include "tests/simulation/sim_runner.hpp"

#include "events/base/sha256.hpp"

namespace luthier::simulation {
namespace {

using namespace worker;

events::File file_of(const std::string& path, const std::string& content) {
  return {path, sha256_hex(std::as_bytes(std::span(content))), static_cast<std::int64_t>(content.size())};
}

}  // namespace

void Executions::began(const std::string& entity_id, const std::string& who) {
  auto& processes = alive[entity_id];
  if (!processes.empty()) violations.push_back(entity_id + ": " + who + " began while " + *processes.begin() + " was alive");
  processes.insert(who);
  trace("process " + who + " of " + entity_id + " begins");
}

void Executions::ended(const std::string& entity_id, const std::string& who) {
  alive[entity_id].erase(who);
  trace("process " + who + " of " + entity_id + " is gone");
}

std::string SimRunner::who(const TaskId& id) const { return machine_ + "/" + std::to_string(id.attempt); }

void SimRunner::later(const TaskId& id, Time delay, std::function<void(Process&)> what) {
  const auto number = processes_.at(id).first;
  agenda_.in(delay, [this, id, number, what] {
    const auto found = processes_.find(id);
    if (found != processes_.end() && found->second.first == number) what(found->second.second);
  });
}

void SimRunner::start(const Task& task, Listener listener) {
  executions_.began(task.id.entity_id, who(task.id));
  Process process{task, std::move(listener), 0, 0, 0};
  process.steps = 5 + static_cast<std::int64_t>(std::hash<std::string>{}(task.id.entity_id) % 10);
  processes_[task.id] = {++started_, std::move(process)};
  later(task.id, agenda_.time_between(Time{50'000}, Time{900'000}), [this, id = task.id](Process&) { begin(id); });
}

void SimRunner::begin(const TaskId& id) {
  auto& process = processes_.at(id).second;
  if (id.kind == TaskKind::serve) return process.listener(ServerReady{"http://127.0.0.1:" + std::to_string(1000 + started_)});
  process.resumed_from = process.step = checkpoints_[id.entity_id];
  process.listener(ProcessStarted{process.step});
  later(id, agenda_.time_between(Time{50'000}, Time{1'500'000}), [this, id](Process&) { take_step(id); });
}

void SimRunner::take_step(const TaskId& id) {
  auto& process = processes_.at(id).second;
  if (agenda_.happens(faults_.crash)) return end(id, {TaskReport::Outcome::crashed, "signal 9", true, {}, {}});
  if (agenda_.happens(faults_.fail)) return end(id, {TaskReport::Outcome::failed, "the loss is not a number", false, {}, {}});
  if (++process.step % 3 == 0) {
    checkpoints_[id.entity_id] = process.step;
    process.listener(CheckpointWritten{process.step});
  }
  if (process.step >= process.steps) {
    // The same whatever the attempts were: a function of the job alone.
    ProcessEnded done{TaskReport::Outcome::completed, "", false, {file_of("adapter_model.safetensors", id.entity_id)}, {}};
    done.summary.steps = process.steps;
    return end(id, std::move(done));
  }
  later(id, agenda_.time_between(Time{50'000}, Time{1'500'000}), [this, id](Process&) { take_step(id); });
}

void SimRunner::end(const TaskId& id, ProcessEnded ended) {
  auto process = std::move(processes_.at(id).second);
  processes_.erase(id);
  executions_.ended(id.entity_id, who(id));
  process.listener(std::move(ended));
}

void SimRunner::stop(const TaskId& id, StopWhy why) {
  if (!processes_.contains(id)) return;
  if (why == StopWhy::lease_over) return end(id, {TaskReport::Outcome::stopped, "", true, {}, {}});
  later(id, agenda_.time_between(Time{1'000}, Time{400'000}), [this, id, why](Process& process) {
    if (why == StopWhy::pause && process.step > 0) {
      checkpoints_[id.entity_id] = process.step;
      process.listener(CheckpointWritten{process.step});
    }
    end(id, {TaskReport::Outcome::stopped, "", true, {}, {}});
  });
}

void SimRunner::load_adapter(const TaskId& id, const AdapterWish& adapter) {
  if (!processes_.contains(id)) return;
  later(id, agenda_.time_between(Time{1'000}, Time{300'000}), [this, adapter](Process& process) {
    if (agenda_.happens(faults_.load_fails)) process.listener(AdapterFailed{adapter.served_name, adapter.key, "no memory"});
    else process.listener(AdapterIn{adapter.served_name, adapter.key});
  });
}

void SimRunner::unload_adapter(const TaskId& id, const std::string& served_name) {
  if (!processes_.contains(id)) return;
  later(id, agenda_.time_between(Time{1'000}, Time{300'000}),
        [served_name](Process& process) { process.listener(AdapterOut{served_name}); });
}

void SimRunner::forget(const TaskId&) {}

void SimRunner::lose_power() {
  for (const auto& [id, process] : processes_) executions_.ended(id.entity_id, who(id));
  processes_.clear();
}

}  // namespace luthier::simulation
