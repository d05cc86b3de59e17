// A program that runs as our child and never outlives us: the kernel kills it when the thread that started it is gone,
// even after SIGKILL. That thread lives as long as this object; it also waits for the child and starts it again, with a
// back-off, when it ends by itself.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace luthier::bus {

class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // the program's path and its arguments
    std::filesystem::path output;      // stdout and stderr are appended there
    std::chrono::milliseconds backoff_min{100}, backoff_max{5000};
    std::chrono::milliseconds stop_wait{3000};  // from SIGTERM to SIGKILL
    // Called from the thread of the child before it is started again.
    std::function<void(const std::string& why)> on_restart;
  };

  explicit ChildProcess(Options options);
  ~ChildProcess();
  void stop();

  // Until `confirm` has been called an end is final: a program that cannot start is not started for ever.
  void confirm();
  bool ended() const;  // for good
  pid_t pid() const;   // 0: not running now
  int restarts() const;

 private:
  void run();
  pid_t start() const;
  std::string wait_for(pid_t child);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  pid_t pid_ = 0;
  int restarts_ = 0;
  bool confirmed_ = false, stopping_ = false, ended_ = false;
  std::thread thread_;
};

}  // namespace luthier::bus
