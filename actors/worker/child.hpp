// One child process, from its start until it and everything that it started are gone. It runs in a process group of its
// own and never outlives the thread that runs it: the kernel kills it when that thread ends, even after SIGKILL.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::worker {

// The way to end a child from another thread. The shortest grace counts: SIGTERM at once, SIGKILL when it is over.
class StopSwitch {
 public:
  StopSwitch();
  ~StopSwitch();
  StopSwitch(const StopSwitch&) = delete;
  StopSwitch& operator=(const StopSwitch&) = delete;

  void press(std::chrono::milliseconds grace);
  bool is_pressed() const { return is_pressed_; }
  std::optional<std::chrono::steady_clock::time_point> deadline() const;
  int descriptor() const { return event_; }  // readable once it is pressed
  void clear_event() const;

 private:
  int event_;
  std::atomic<bool> is_pressed_ = false;
  mutable std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

struct ChildSpec {
  std::string program;                 // "/proc/self/exe": this very binary, even when its file has been replaced
  std::vector<std::string> arguments;  // the first is the name that it goes by
  std::filesystem::path log;           // gets its stderr, up to log_bytes_max
  std::size_t log_bytes_max = 8 << 20;
  std::size_t line_bytes_max = 64 << 10;  // of its output; longer ones are cut
  int inherited_lock = -1;                // a descriptor that stays open in the child, and in its children
};

struct ChildExit {
  std::optional<int> code;    // or
  std::optional<int> signal;
  bool was_asked = false;     // the switch was pressed before it ended
  std::string last_log_line;  // what it said last on stderr
};

struct ChildListener {
  std::function<void(pid_t)> started;
  std::function<void(const std::string&)> line;      // of stdout
  std::function<void(const std::string&)> log_line;  // of stderr
};

// Blocks until the child is gone, with its whole group. An error: it could not be started.
Result<ChildExit> run_child(const ChildSpec& spec, StopSwitch& stop, const ChildListener& listener);

}  // namespace luthier::worker
