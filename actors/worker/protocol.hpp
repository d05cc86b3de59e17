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
#include <map>
#include <optional>
#include <string>
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
};

struct AdapterWish {
  std::string served_name;  // "<workspace>--<adapter>"
  std::string key;          // which content
  std::vector<events::File> files;
};

struct Task {
  TaskId id;
  std::string workspace, name;  // of the job or the deployment
  std::string device;
  std::string stop;  // empty: run. "cancel" or "pause" (train), "undeploy" (serve): end the process, then report it ended
  std::vector<events::File> model_files;

  // train
  std::string method;                       // "lora" or "full"
  std::string config;                       // the training configuration, canonical JSON
  std::optional<events::File> dataset, validation;
  std::string base_model;                   // "ws/name", for adapter_config.json

  // serve
  std::vector<std::string> served_names;    // "default/smol", "smol"
  std::vector<AdapterWish> adapters;        // all that should be loaded
};

struct Lease {
  std::string incarnation;
  std::int64_t sequence = 0;  // of the beat that it answers; 0: a hint
  std::int64_t lease_ms = 0;
  std::vector<Task> tasks;
};

struct AdapterReport {
  std::string served_name, key;
  std::string error;  // empty: loaded
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
};

struct Beat {
  std::string worker, incarnation, host, engine_version;
  std::int64_t sequence = 0;  // from 1
  bool leaving = false;       // the last one: every task has been stopped
  std::vector<events::Device> devices;
  std::vector<TaskReport> tasks;  // reported until a lease no longer names them
};

std::string encode(const Lease& lease);
std::string encode(const Beat& beat);
Result<Lease> decode_lease(const std::string& payload);  // bounded; errors name the member
Result<Beat> decode_beat(const std::string& payload);

}  // namespace luthier::worker
