// One task of the process runner, on a thread of its own: it prepares the inputs, runs the child to its end, and stores
// what it has made. That thread is the child's parent, so it ends after it.
#pragma once

#include <memory>

#include "actors/worker/blob_door.hpp"
#include "actors/worker/child.hpp"
#include "actors/worker/process_task_runner.hpp"

namespace luthier::worker {

class TaskDriver {
 public:
  virtual ~TaskDriver() = default;
  virtual void run() = 0;  // blocks; the last event it gives is ProcessEnded
  virtual void load_adapter(const AdapterWish&) {}
  virtual void unload_adapter(const std::string&) {}
  // What only the report needed may go; `completed`: so may what a next attempt would need. Blocks.
  virtual void clean(bool completed) = 0;
  void stop(StopWhy why) { switch_.press(grace_of(why)); }

 protected:
  StopSwitch switch_;
};

struct DriverContext {
  const ProcessConfig& config;
  BlobDoor& blobs;
  TaskRunner::Listener listener;
};
std::unique_ptr<TaskDriver> make_train_driver(const DriverContext& context, const Task& task);
std::unique_ptr<TaskDriver> make_serve_driver(const DriverContext& context, const Task& task);

// How a child's end is to be reported: exit code 2 is bad input and stays so; a signal, or any other code, may help again.
ProcessEnded ended_as(const ChildExit& exit);
ProcessEnded ended_before_start(const Error& error, bool was_asked);

}  // namespace luthier::worker
