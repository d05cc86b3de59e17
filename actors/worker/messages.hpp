// What the actors of a worker say to each other. The messages stay in the process.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <memory>
#include <string>

#include "actors/worker/core.hpp"

namespace luthier::worker {

struct LeaseArrived {  // from the bus
  std::string payload;
};
struct BeatDue {
  bool is_regular = false;  // it is followed by the next one
};
struct LeaseCheck {};
struct Leave {};  // end all tasks, say goodbye, quit: the way to end a worker

struct TaskOrder {  // to a task actor
  Action action;
};
struct TaskNews {  // from the runner to the task actor, and from there, without telemetry, to the host
  TaskId task;
  std::shared_ptr<const TaskEvent> event;
};
struct TelemetryDue {};
struct SignsOfLife {};

}  // namespace luthier::worker

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::LeaseArrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::BeatDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::LeaseCheck)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::Leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::TaskOrder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::TaskNews)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::TelemetryDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::worker::SignsOfLife)
