// The doors of a worker to the world: what runs its tasks, and what carries its messages. The real runner starts processes;
// a simulation has one in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/worker/protocol.hpp"

namespace luthier::bus {
class Bus;
}

namespace luthier::worker {

// Why a process is to end, from the mildest to the most urgent: a later, more urgent one shortens the wait.
enum class StopWhy {
  pause,       // write a checkpoint, however long that takes within reason
  undeploy,
  cancel,
  withdrawn,   // no lease names it any more
  leaving,     // the worker itself ends
  stuck,       // it has given no sign of life for too long
  lease_over,  // somebody else may be about to start it: end now
};
std::string_view to_string(StopWhy why);

// What a runner tells of a task, in the order in which it happened.
struct ProcessStarted {  // it trains: the checkpoint that it starts from is known
  std::int64_t resumed_from_step = 0;
};
struct CheckpointWritten {
  std::int64_t step = 0;
};
struct ServerReady {
  std::string endpoint;
};
struct AdapterIn {  // answers load_adapter
  std::string served_name, key;
};
struct AdapterOut {  // answers unload_adapter
  std::string served_name;
};
struct AdapterFailed {  // answers either
  std::string served_name, key, error;
};
struct AdaptersSeen {  // all that is loaded, as the server says, seen without being asked
  std::vector<AdapterReport> loaded;
};
struct ProgressLine {  // telemetry: one JSON object
  std::string json;
};
struct LogLine {
  std::string text;
};
// The process is gone, with its group, and its memory is free. The last event of a task.
struct ProcessEnded {
  TaskReport::Outcome outcome = TaskReport::Outcome::crashed;
  std::string reason;
  bool retryable = false;
  std::vector<events::File> files;  // when completed: stored as blobs already
  events::TrainingSummary summary;
};
using TaskEvent = std::variant<ProcessStarted, CheckpointWritten, ServerReady, AdapterIn, AdapterOut, AdapterFailed,
                               AdaptersSeen, ProgressLine, LogLine, ProcessEnded>;

// None of the calls blocks; events come from a thread of the runner's own, or from within the call. Each started task gives
// exactly one ProcessEnded; a call about a task that is not there (any more) does nothing.
class TaskRunner {
 public:
  using Listener = std::function<void(TaskEvent)>;
  virtual ~TaskRunner() = default;
  virtual void start(const Task& task, Listener listener) = 0;
  virtual void stop(const TaskId& task, StopWhy why) = 0;
  virtual void load_adapter(const TaskId& task, const AdapterWish& adapter) = 0;
  virtual void unload_adapter(const TaskId& task, const std::string& served_name) = 0;
  // The control plane has heard how it ended: what was kept for the report may go.
  virtual void forget(const TaskId& task) = 0;
};

struct WorkerDoors {  // all outlive the worker's actors
  bus::Bus* bus = nullptr;
  TaskRunner* runner = nullptr;
};

}  // namespace luthier::worker
