// The real task runner: a training attempt, and a deployment, is a child process of this very program.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/worker/blob_door.hpp"
#include "actors/worker/doors.hpp"

namespace luthier::worker {

struct ProcessConfig {
  std::filesystem::path work;              // the data directory's work/
  std::string program = "/proc/self/exe";  // understands `train` and `engine serve`
  std::int64_t checkpoint_every = 10;      // steps
  std::string serve_host = "127.0.0.1";    // where served models listen, and the control plane reaches them
  std::size_t log_bytes_max = 8 << 20;     // of one attempt
  std::size_t output_files_max = 10'000;
  std::chrono::milliseconds lock_wait{10'000};         // for the process of an earlier attempt to be gone
  std::chrono::milliseconds adapters_interval{5'000};  // how often a server is asked what it has loaded
  std::chrono::milliseconds health_patience{60'000};   // a server that answers nothing for so long counts as crashed
  std::chrono::milliseconds ready_wait{600'000};       // until a server must have loaded its model
};

// How long a process may take to end, by why it is to end.
std::chrono::milliseconds grace_of(StopWhy why);

class TaskDriver;

class ProcessTaskRunner final : public TaskRunner {
 public:
  // `blobs` outlives the runner.
  ProcessTaskRunner(ProcessConfig config, BlobDoor& blobs);
  ~ProcessTaskRunner() override;  // ends every process

  void start(const Task& task, Listener listener) override;
  void stop(const TaskId& task, StopWhy why) override;
  void load_adapter(const TaskId& task, const AdapterWish& adapter) override;
  void unload_adapter(const TaskId& task, const std::string& served_name) override;
  void forget(const TaskId& task) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::worker
