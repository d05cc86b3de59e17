// One task on its device: the task actor drives the process behind the runner's door, passes its events to the host, sends
// its telemetry, and ends a training process that gives no sign of life.
#pragma once

#include <caf/fwd.hpp>
#include <chrono>
#include <string>

#include "actors/worker/doors.hpp"

namespace luthier::worker {

struct TaskConfig {
  std::string worker;
  std::chrono::milliseconds progress_spacing_min;
  std::size_t log_lines_per_second_max;
  std::chrono::milliseconds silence_max;
};

caf::behavior task_actor(caf::event_based_actor* self, const TaskConfig& config, WorkerDoors doors, const Task& task,
                         const caf::actor& host);

}  // namespace luthier::worker
