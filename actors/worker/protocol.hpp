// What control plane and worker say to each other over the bus. Both directions carry whole states, never differences, so
// that a lost, repeated or late message does no harm:
//
//   worker --beat-->  "this is what I have": devices, and every task with how far it is
//   worker <--lease-- "this is what you should have": every task placed on you, with all that it needs
//
// A lease answers a beat and holds from the moment that the worker sent that beat. A worker whose lease has run out stops
// all of its tasks by itself; the control plane waits longer than that before it places them elsewhere. A lease with
// sequence 0 is a hint that something changed: it is followed, but extends nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "events/job/events.hpp"
#include "events/worker/events.hpp"

namespace luthier::worker {

enum class TaskKind { train, serve };

struct TaskId {
  TaskKind kind = TaskKind::train;
  std::string entity_id;  // of the job or the deployment
  std::int64_t attempt = 0;
  auto operator<=>(const TaskId&) const = default;
  static constexpr auto fields() {
    return field_list(field("kind", &TaskId::kind), field("entity_id", &TaskId::entity_id), field("attempt", &TaskId::attempt));
  }
};

struct AdapterWish {
  std::string served_name;  // "<workspace>--<adapter>"
  std::string key;          // which content
  std::vector<events::File> files;
  static constexpr auto fields() {
    return field_list(field("served_name", &AdapterWish::served_name), field("key", &AdapterWish::key),
                      field("files", &AdapterWish::files));
  }
  bool operator==(const AdapterWish&) const = default;
};

struct Task {
  TaskId id;
  std::string workspace, name;  // of the job or the deployment
  std::string device;
  std::string stop;  // empty: run. "cancel" or "pause" (train), "undeploy" (serve): end the process, then report it ended
  std::vector<events::File> model_files;

  // train
  std::vector<events::File> teacher_files;  // of a distillation; empty: none
  std::string method;                       // "lora" or "full"
  std::string config;                       // the training configuration, canonical JSON
  std::optional<events::File> dataset, validation;
  std::string base_model;                   // "ws/name", for adapter_config.json

  // serve
  std::vector<std::string> served_names;    // "default/smol", "smol"
  std::vector<AdapterWish> adapters;        // all that should be loaded

  static constexpr auto fields() {
    return field_list(field("id", &Task::id),
                      field("workspace", &Task::workspace),
                      field("name", &Task::name),
                      field("device", &Task::device),
                      field_or_default("stop", &Task::stop),
                      field_or_default("model_files", &Task::model_files),
                      field_or_default("teacher_files", &Task::teacher_files),
                      field_or_default("method", &Task::method),
                      field_or_default("config", &Task::config),
                      field_or_default("dataset", &Task::dataset),
                      field_or_default("validation", &Task::validation),
                      field_or_default("base_model", &Task::base_model),
                      field_or_default("served_names", &Task::served_names),
                      field_or_default("adapters", &Task::adapters));
  }
};

struct Lease {
  std::string incarnation;
  std::int64_t sequence = 0;  // of the beat that it answers; 0: a hint
  std::int64_t lease_ms = 0;
  std::vector<Task> tasks;
  // Of the log that the tasks follow from: a worker that has heard of a later one keeps what that said. 0: not known, then
  // the order of arrival counts.
  std::int64_t position = 0;
  static constexpr auto fields() {
    return field_list(field("incarnation", &Lease::incarnation), field("sequence", &Lease::sequence),
                      field("lease_ms", &Lease::lease_ms), field("tasks", &Lease::tasks),
                      field_or_default("position", &Lease::position));
  }
};

struct AdapterReport {
  std::string served_name, key;
  std::string error;  // empty: loaded
  static constexpr auto fields() {
    return field_list(field("served_name", &AdapterReport::served_name), field("key", &AdapterReport::key),
                      field_or_default("error", &AdapterReport::error));
  }
  bool operator==(const AdapterReport&) const = default;
};

struct TaskReport {
  enum class State { starting, running, ended };
  enum class Outcome { none, completed, stopped, failed, crashed };
  TaskId id;
  State state = State::starting;
  Outcome outcome = Outcome::none;  // when ended
  std::string reason;               // when failed or crashed
  bool retryable = false;
  // train
  std::int64_t resumed_from_step = 0;
  std::int64_t checkpoint_step = 0;  // the last one that is on disk
  std::vector<events::File> files;   // when completed: stored as blobs already
  events::TrainingSummary summary;
  // serve
  std::string endpoint;  // when running
  std::vector<AdapterReport> adapters;

  static constexpr auto fields() {
    return field_list(field("id", &TaskReport::id),
                      field("state", &TaskReport::state),
                      field_or_default("outcome", &TaskReport::outcome),
                      field_or_default("reason", &TaskReport::reason),
                      field_or_default("retryable", &TaskReport::retryable),
                      field_or_default("resumed_from_step", &TaskReport::resumed_from_step),
                      field_or_default("checkpoint_step", &TaskReport::checkpoint_step),
                      field_or_default("files", &TaskReport::files),
                      field_or_default("summary", &TaskReport::summary),
                      field_or_default("endpoint", &TaskReport::endpoint),
                      field_or_default("adapters", &TaskReport::adapters));
  }
  bool operator==(const TaskReport&) const = default;
};

struct Beat {
  std::string worker, incarnation, host, engine_version;
  std::int64_t sequence = 0;  // from 1
  bool leaving = false;       // the last one: every task has been stopped
  std::string replaces;       // the incarnation that ran before on this disk, and has certainly ended; empty: unknown
  std::vector<events::Device> devices;
  std::vector<TaskReport> tasks;  // reported until a lease no longer names them

  static constexpr auto fields() {
    return field_list(field("worker", &Beat::worker),
                      field("incarnation", &Beat::incarnation),
                      field("host", &Beat::host),
                      field("engine_version", &Beat::engine_version),
                      field("sequence", &Beat::sequence),
                      field_or_default("leaving", &Beat::leaving),
                      field_or_default("replaces", &Beat::replaces),
                      field("devices", &Beat::devices),
                      field("tasks", &Beat::tasks));
  }
};

std::string_view to_string(TaskKind kind);             // "train", "serve"
std::string_view to_string(TaskReport::State state);   // "starting" …
std::string_view to_string(TaskReport::Outcome outcome);
std::string to_string(const TaskId& id);               // "train job-5Q2L… attempt 2", for people

// More than this is refused: a hostile or broken peer never makes the other side hold without end.
struct ProtocolLimits {
  std::size_t payload_bytes_max = 8 * 1024 * 1024;
  std::size_t depth_max = 16;
  std::size_t tasks_max = 4096;
  std::size_t files_max = 10'000;
  std::size_t adapters_max = 1'000;
  std::size_t devices_max = 64;
};

std::string encode(const Lease& lease);
std::string encode(const Beat& beat);
// Strict: errors name the member ("tasks[2].id.attempt").
Result<Lease> decode_lease(const std::string& payload, const ProtocolLimits& limits = {});
Result<Beat> decode_beat(const std::string& payload, const ProtocolLimits& limits = {});

}  // namespace luthier::worker
