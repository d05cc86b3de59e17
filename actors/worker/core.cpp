#include "actors/worker/core.hpp"

#include <algorithm>

#include "events/base/overloaded.hpp"

namespace luthier::worker {
namespace {

using State = TaskReport::State;
using Outcome = TaskReport::Outcome;

std::optional<StopWhy> wish_to_stop(const Task& task) {
  if (task.stop.empty()) return std::nullopt;
  if (task.stop == "pause") return StopWhy::pause;
  if (task.stop == "undeploy") return StopWhy::undeploy;
  return StopWhy::cancel;
}

// Fills in a reason for what ended because we asked for it.
std::string reason_of(const ProcessEnded& ended, const std::optional<StopWhy>& stopping) {
  if (!ended.reason.empty() || ended.outcome != Outcome::stopped || !stopping) return ended.reason;
  return std::string(to_string(*stopping));
}

}  // namespace

std::string_view to_string(StopWhy why) {
  switch (why) {
    case StopWhy::pause: return "it was paused";
    case StopWhy::undeploy: return "it was undeployed";
    case StopWhy::cancel: return "it was cancelled";
    case StopWhy::withdrawn: return "the control plane no longer named it";
    case StopWhy::leaving: return "the worker left";
    case StopWhy::stuck: return "it gave no sign of life for too long";
    case StopWhy::lease_over: return "the worker's lease ran out";
  }
  return "";
}

void EndedAttempts::remember(const TaskId& task) {
  const auto [entry, is_new] = attempts_.try_emplace({task.kind, task.entity_id}, task.attempt);
  if (!is_new) {
    entry->second = std::max(entry->second, task.attempt);
    return;
  }
  order_.push_back(entry->first);
  if (order_.size() <= entities_max_) return;
  attempts_.erase(order_.front());
  order_.pop_front();
}

bool EndedAttempts::has(const TaskId& task) const {
  const auto found = attempts_.find({task.kind, task.entity_id});
  return found != attempts_.end() && found->second >= task.attempt;
}

WorkerCore::WorkerCore(std::string incarnation, std::set<std::string> devices)
    : incarnation_(std::move(incarnation)), devices_(std::move(devices)) {}

// Late and repeated messages say what was; only what is said last counts.
bool WorkerCore::is_news(const Lease& lease) const {
  if (lease.position > 0 && position_ > 0) return lease.position >= position_;
  return true;
}

Actions WorkerCore::lease(const Lease& lease, bool holds) {
  Actions actions;
  if (lease.incarnation != incarnation_) return actions;
  const bool is_hint = lease.sequence == 0;
  if (!is_hint && lease.sequence < sequence_) return actions;
  sequence_ = std::max(sequence_, lease.sequence);
  if (holds && !is_hint) is_leased_ = true;
  if (is_news(lease)) {
    position_ = std::max(position_, lease.position);
    want(lease.tasks);
  }
  compare(actions);
  return actions;
}

Actions WorkerCore::lease_over() {
  Actions actions;
  is_leased_ = false;
  for (auto& [id, known] : known_)
    if (known.is_alive()) stop(known, StopWhy::lease_over, actions);
  return actions;
}

Actions WorkerCore::leave() {
  Actions actions;
  is_leaving_ = true;
  for (auto& [id, known] : known_)
    if (known.is_alive()) stop(known, StopWhy::leaving, actions);
  return actions;
}

Actions WorkerCore::event(const TaskId& task, const TaskEvent& event) {
  Actions actions;
  const auto known = known_.find(task);
  if (known == known_.end() || !known->second.is_alive()) return actions;
  if (apply(known->second, event)) actions.push_back(SendBeat{});
  compare(actions);
  return actions;
}

std::vector<TaskReport> WorkerCore::reports() const {
  std::vector<TaskReport> reports;
  for (const auto& [id, known] : known_) {
    reports.push_back(known.report);
    auto& adapters = reports.back().adapters;
    for (const auto& [name, key] : known.loaded)
      if (!known.failed.contains(name)) adapters.push_back({name, key, ""});
    for (const auto& [name, failure] : known.failed) adapters.push_back({name, failure.first, failure.second});
  }
  return reports;
}

bool WorkerCore::has_processes() const {
  return std::any_of(known_.begin(), known_.end(), [](const auto& entry) { return entry.second.is_alive(); });
}

// Attempts only grow: whoever names an older one than before has not heard of the newer one yet.
void WorkerCore::want(const std::vector<Task>& tasks) {
  const auto before = std::exchange(wanted_, {});
  for (const auto& task : tasks) {
    const Entity entity{task.id.kind, task.id.entity_id};
    const auto last = before.find(entity);
    const bool is_old = last != before.end() && last->second.id.attempt > task.id.attempt;
    const auto& latest = is_old ? last->second : task;
    const auto [entry, is_new] = wanted_.try_emplace(entity, latest);
    if (!is_new && entry->second.id.attempt < latest.id.attempt) entry->second = latest;
  }
}

const Task* WorkerCore::wanted(const TaskId& task) const {
  const auto found = wanted_.find({task.kind, task.entity_id});
  return found == wanted_.end() || found->second.id != task ? nullptr : &found->second;
}

void WorkerCore::compare(Actions& actions) {
  let_go(actions);
  for (const auto& [entity, task] : wanted_) {
    const auto known = known_.find(task.id);
    if (known == known_.end())
      take_up(task, actions);
    else
      follow(known->second, task, actions);
  }
}

void WorkerCore::let_go(Actions& actions) {
  for (auto entry = known_.begin(); entry != known_.end();) {
    auto& [id, known] = *entry;
    if (wanted(id)) {
      ++entry;
    } else if (known.is_alive()) {
      stop(known, StopWhy::withdrawn, actions);
      ++entry;
    } else {
      ended_.remember(id);
      actions.push_back(ForgetTask{id});
      entry = known_.erase(entry);
    }
  }
}

// A process of the same entity, or a training process on the same device, must be gone first.
bool WorkerCore::has_living_relative(const Task& task) const {
  return std::any_of(known_.begin(), known_.end(), [&](const auto& entry) {
    const auto& [id, other] = entry;
    const bool is_same_entity = id.kind == task.id.kind && id.entity_id == task.id.entity_id;
    const bool shares_device =
        id.kind == TaskKind::train && task.id.kind == TaskKind::train && other.task.device == task.device;
    return other.is_alive() && (is_same_entity || shares_device);
  });
}

void WorkerCore::take_up(const Task& task, Actions& actions) {
  if (ended_.has(task.id)) return record_ended(task, Outcome::stopped, "this attempt has ended already", true, actions);
  if (wish_to_stop(task)) return record_ended(task, Outcome::stopped, "it had not started", true, actions);
  if (!devices_.contains(task.device))
    return record_ended(task, Outcome::failed, "this worker has no device \"" + task.device + "\"", false, actions);
  if (!is_leased_ || is_leaving_ || has_living_relative(task)) return;
  auto& known = known_[task.id];
  known.task = task;
  known.report.id = task.id;
  actions.push_back(StartTask{task});
  actions.push_back(SendBeat{});
}

void WorkerCore::record_ended(const Task& task, Outcome outcome, std::string reason, bool retryable, Actions& actions) {
  auto& known = known_[task.id];
  known.task = task;
  known.report.id = task.id;
  known.report.state = State::ended;
  known.report.outcome = outcome;
  known.report.reason = std::move(reason);
  known.report.retryable = retryable;
  actions.push_back(SendBeat{});
}

void WorkerCore::follow(Known& known, const Task& task, Actions& actions) {
  known.task = task;
  if (!known.is_alive()) return;
  if (const auto why = wish_to_stop(task)) return stop(known, *why, actions);
  if (task.id.kind == TaskKind::serve) follow_adapters(known, actions);
}

void WorkerCore::follow_adapters(Known& known, Actions& actions) {
  if (known.report.state != State::running || known.stopping) return;
  const auto failed_before = known.failed.size();
  std::set<std::string> wished;
  for (const auto& adapter : known.task.adapters) {
    const auto& name = adapter.served_name;
    wished.insert(name);
    const auto failed = known.failed.find(name);
    const bool has_failed = failed != known.failed.end() && failed->second.first == adapter.key;
    const auto loaded = known.loaded.find(name);
    const bool is_loaded = loaded != known.loaded.end() && loaded->second == adapter.key;
    if (failed != known.failed.end() && !has_failed) known.failed.erase(failed);  // of another content
    if (has_failed || is_loaded || !known.asked.insert(name).second) continue;
    actions.push_back(LoadAdapter{known.task.id, adapter});
  }
  std::erase_if(known.failed, [&](const auto& entry) { return !wished.contains(entry.first); });
  if (known.failed.size() != failed_before) actions.push_back(SendBeat{});
  for (const auto& [name, key] : known.loaded) {
    if (wished.contains(name) || known.unload_failed.contains(name) || !known.asked.insert(name).second) continue;
    actions.push_back(UnloadAdapter{known.task.id, name});
  }
}

void WorkerCore::stop(Known& known, StopWhy why, Actions& actions) {
  if (known.stopping && *known.stopping >= why) return;
  known.stopping = why;
  actions.push_back(StopTask{known.task.id, why});
}

bool WorkerCore::apply(Known& known, const TaskEvent& event) {
  auto& report = known.report;
  const auto answered = [&](const std::string& name) { known.asked.erase(name); };
  return std::visit(
      overloaded{
          [&](const ProcessStarted& started) {
            report.state = State::running;
            report.resumed_from_step = started.resumed_from_step;
            report.checkpoint_step = std::max(report.checkpoint_step, started.resumed_from_step);
            return true;
          },
          [&](const CheckpointWritten& written) {
            const bool is_new = written.step > report.checkpoint_step;
            report.checkpoint_step = std::max(report.checkpoint_step, written.step);
            return is_new;
          },
          [&](const ServerReady& ready) {
            report.state = State::running;
            report.endpoint = ready.endpoint;
            return true;
          },
          [&](const AdapterIn& in) {
            answered(in.served_name);
            known.failed.erase(in.served_name);
            known.loaded[in.served_name] = in.key;
            return true;
          },
          [&](const AdapterOut& out) {
            answered(out.served_name);
            known.loaded.erase(out.served_name);
            return true;
          },
          [&](const AdapterFailed& failed) {
            answered(failed.served_name);
            if (failed.key.empty())
              known.unload_failed.insert(failed.served_name);  // tried again when the server is seen next
            else
              known.failed[failed.served_name] = {failed.key, failed.error};
            return true;
          },
          [&](const AdaptersSeen& seen) {
            std::map<std::string, std::string> loaded;
            for (const auto& adapter : seen.loaded) loaded[adapter.served_name] = adapter.key;
            known.unload_failed.clear();
            return std::exchange(known.loaded, loaded) != loaded;
          },
          [&](const ProgressLine&) { return false; },
          [&](const LogLine&) { return false; },
          [&](const ProcessEnded& ended) {
            report.state = State::ended;
            report.outcome = ended.outcome;
            report.reason = reason_of(ended, known.stopping);
            report.retryable = ended.retryable || ended.outcome == Outcome::stopped;
            report.files = ended.files;
            report.summary = ended.summary;
            report.endpoint.clear();
            known.loaded.clear();
            known.failed.clear();
            known.asked.clear();
            return true;
          },
      },
      event);
}

}  // namespace luthier::worker
