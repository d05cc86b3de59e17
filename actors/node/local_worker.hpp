// The worker of this machine: a process of its own that outlives a killed control plane. A start that finds one alive (its lock
// is held) adopts it; one that ends by itself is started again, with a pause that grows.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace luthier::node {

struct LocalWorkerOptions {
  std::vector<std::string> command;   // the program and its arguments
  std::filesystem::path lock_file;    // held by a living worker, with its process id
  std::filesystem::path output_file;  // stdout and stderr are appended there
  std::function<void(std::string)> warn;
};

class LocalWorker {
 public:
  explicit LocalWorker(LocalWorkerOptions options);
  ~LocalWorker();
  void stop();  // SIGTERM, and after 8 s SIGKILL to its process group

 private:
  void watch();
  pid_t start() const;
  bool is_alive();  // collects it when it has ended and was our child
  bool pause(int milliseconds);  // false: it is to stop

  LocalWorkerOptions options_;
  std::mutex mutex_;
  std::condition_variable stops_;
  std::atomic<bool> stopping_{false};
  pid_t pid_ = 0;  // used by watch()'s thread, and by stop() once that has ended
  bool is_child_ = false;
  std::thread thread_;
};

}  // namespace luthier::node
