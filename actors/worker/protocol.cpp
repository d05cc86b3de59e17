#include "actors/worker/protocol.hpp"

#include <array>
#include <utility>

#include "events/json/fields.hpp"

namespace luthier::worker {
namespace {

template <class Enum, std::size_t n>
using Names = std::array<std::pair<Enum, std::string_view>, n>;

constexpr Names<TaskKind, 2> kind_names{{{TaskKind::train, "train"}, {TaskKind::serve, "serve"}}};
constexpr Names<TaskReport::State, 3> state_names{{{TaskReport::State::starting, "starting"},
                                                   {TaskReport::State::running, "running"},
                                                   {TaskReport::State::ended, "ended"}}};
constexpr Names<TaskReport::Outcome, 5> outcome_names{{{TaskReport::Outcome::none, "none"},
                                                       {TaskReport::Outcome::completed, "completed"},
                                                       {TaskReport::Outcome::stopped, "stopped"},
                                                       {TaskReport::Outcome::failed, "failed"},
                                                       {TaskReport::Outcome::crashed, "crashed"}}};

template <class Enum, std::size_t n>
std::string_view name_of(Enum value, const Names<Enum, n>& names) {
  for (const auto& [candidate, name] : names)
    if (candidate == value) return name;
  return "";
}

template <class Enum, std::size_t n>
Result<void> read_name(const json::Value& value, Enum& into, const json::Path& path, const Names<Enum, n>& names) {
  std::string allowed;
  for (const auto& [candidate, name] : names) {
    if (value.text() && *value.text() == name) {
      into = candidate;
      return {};
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  }
  return json::error_at(path, "one of " + allowed + " is needed");
}

}  // namespace

// Found by argument-dependent look-up when the declared structs are read and written, so not in the unnamed namespace.
static Result<void> read(const json::Value& value, TaskKind& into, const json::Path& path) {
  return read_name(value, into, path, kind_names);
}
static Result<void> read(const json::Value& value, TaskReport::State& into, const json::Path& path) {
  return read_name(value, into, path, state_names);
}
static Result<void> read(const json::Value& value, TaskReport::Outcome& into, const json::Path& path) {
  return read_name(value, into, path, outcome_names);
}
static void append(std::string& out, TaskKind kind) { json::append(out, to_string(kind)); }
static void append(std::string& out, TaskReport::State state) { json::append(out, to_string(state)); }
static void append(std::string& out, TaskReport::Outcome outcome) { json::append(out, to_string(outcome)); }

namespace {

Error too_many(const std::string& member, std::size_t max) {
  return {ErrorCode::limit, member + ": at most " + std::to_string(max) + " are allowed", member};
}

Result<void> check_bounds(const Task& task, const std::string& at, const ProtocolLimits& limits) {
  if (task.model_files.size() > limits.files_max) return too_many(at + ".model_files", limits.files_max);
  if (task.teacher_files.size() > limits.files_max) return too_many(at + ".teacher_files", limits.files_max);
  if (task.adapters.size() > limits.adapters_max) return too_many(at + ".adapters", limits.adapters_max);
  for (const auto& adapter : task.adapters)
    if (adapter.files.size() > limits.files_max) return too_many(at + ".adapters.files", limits.files_max);
  if (task.served_names.size() > limits.adapters_max) return too_many(at + ".served_names", limits.adapters_max);
  return {};
}

Result<void> check_bounds(const TaskReport& report, const std::string& at, const ProtocolLimits& limits) {
  if (report.files.size() > limits.files_max) return too_many(at + ".files", limits.files_max);
  if (report.adapters.size() > limits.adapters_max) return too_many(at + ".adapters", limits.adapters_max);
  return {};
}

template <class T>
Result<void> check_tasks(const std::vector<T>& tasks, const ProtocolLimits& limits) {
  if (tasks.size() > limits.tasks_max) return too_many("tasks", limits.tasks_max);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto at = "tasks[" + std::to_string(i) + "]";
    if (tasks[i].id.entity_id.empty()) return invalid(at + ".id.entity_id: must not be empty", at + ".id.entity_id");
    if (tasks[i].id.attempt < 1) return invalid(at + ".id.attempt: must be at least 1", at + ".id.attempt");
    if (auto ok = check_bounds(tasks[i], at, limits); !ok) return ok;
  }
  return {};
}

json::Bounds bounds_of(const ProtocolLimits& limits) { return {limits.payload_bytes_max, limits.depth_max}; }

}  // namespace

std::string_view to_string(TaskKind kind) { return name_of(kind, kind_names); }
std::string_view to_string(TaskReport::State state) { return name_of(state, state_names); }
std::string_view to_string(TaskReport::Outcome outcome) { return name_of(outcome, outcome_names); }

std::string to_string(const TaskId& id) {
  return std::string(to_string(id.kind)) + " " + id.entity_id + " attempt " + std::to_string(id.attempt);
}

std::string encode(const Lease& lease) { return json::to_json(lease); }
std::string encode(const Beat& beat) { return json::to_json(beat); }

Result<Lease> decode_lease(const std::string& payload, const ProtocolLimits& limits) {
  auto lease = json::from_json<Lease>(payload, {}, bounds_of(limits));
  if (!lease) return with_context(lease.error(), "lease");
  if (lease->sequence < 0) return invalid("lease: sequence: must not be negative", "sequence");
  if (lease->lease_ms < 0) return invalid("lease: lease_ms: must not be negative", "lease_ms");
  if (lease->position < 0) return invalid("lease: position: must not be negative", "position");
  if (auto ok = check_tasks(lease->tasks, limits); !ok) return with_context(ok.error(), "lease");
  return lease;
}

Result<Beat> decode_beat(const std::string& payload, const ProtocolLimits& limits) {
  auto beat = json::from_json<Beat>(payload, {}, bounds_of(limits));
  if (!beat) return with_context(beat.error(), "beat");
  if (beat->worker.empty()) return invalid("beat: worker: must not be empty", "worker");
  if (beat->incarnation.empty()) return invalid("beat: incarnation: must not be empty", "incarnation");
  if (beat->sequence < 1) return invalid("beat: sequence: must be at least 1", "sequence");
  if (beat->devices.size() > limits.devices_max) return with_context(too_many("devices", limits.devices_max), "beat");
  if (auto ok = check_tasks(beat->tasks, limits); !ok) return with_context(ok.error(), "beat");
  return beat;
}

}  // namespace luthier::worker
