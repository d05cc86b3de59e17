// A worker host: its devices, and whether it is with us. Heartbeats and leases are not events: they are observations that
// decide when a loss is one. Workers live in workspace "system".
#pragma once

#include <cstdint>
#include <vector>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct Device {
  std::string id;    // "cpu", "cuda:0"
  std::string kind;  // "cpu" or "cuda"
  std::string model; // "AMD EPYC", "NVIDIA H200"
  std::string instruction_set;
  std::int64_t memory_bytes = 0;
  std::int64_t cores = 0;
  static constexpr auto fields() {
    return field_list(field("id", &Device::id),
                      field("kind", &Device::kind),
                      field("model", &Device::model),
                      field("instruction_set", &Device::instruction_set),
                      field("memory_bytes", &Device::memory_bytes),
                      field("cores", &Device::cores));
  }
  bool operator==(const Device&) const = default;
};

// A worker says hello. The incarnation is new with every process: an older one's tasks have ended with it.
struct RegisterWorker {
  static constexpr std::string_view type = "RegisterWorker";
  std::string incarnation, host, engine_version;
  std::vector<Device> devices;
  static constexpr auto fields() {
    return field_list(field("incarnation", &RegisterWorker::incarnation), field("host", &RegisterWorker::host),
                      field("engine_version", &RegisterWorker::engine_version), field("devices", &RegisterWorker::devices));
  }
};
struct DrainWorker {  // no new tasks
  static constexpr std::string_view type = "DrainWorker";
  static constexpr auto fields() { return field_list(); }
};
struct LoseWorker {  // from the lease watcher, once the lease has run out; or from the worker, as it leaves
  static constexpr std::string_view type = "LoseWorker";
  std::string incarnation, reason;
  bool in_order = false;  // it left: what its tasks were at is no failure of theirs
  static constexpr auto fields() {
    return field_list(field("incarnation", &LoseWorker::incarnation), field("reason", &LoseWorker::reason),
                      field("in_order", &LoseWorker::in_order));
  }
};

struct WorkerJoined {
  static constexpr EventType type{"WorkerJoined", 1};
  std::string incarnation, host, engine_version;
  std::vector<Device> devices;
  static constexpr auto fields() {
    return field_list(field("incarnation", &WorkerJoined::incarnation), field("host", &WorkerJoined::host),
                      field("engine_version", &WorkerJoined::engine_version), field("devices", &WorkerJoined::devices));
  }
};
struct WorkerDraining {
  static constexpr EventType type{"WorkerDraining", 1};
  static constexpr auto fields() { return field_list(); }
};
struct WorkerLost {
  static constexpr EventType type{"WorkerLost", 1};
  std::string incarnation, reason;
  static constexpr auto fields() {
    return field_list(field("incarnation", &WorkerLost::incarnation), field("reason", &WorkerLost::reason));
  }
};

}  // namespace luthier::events
