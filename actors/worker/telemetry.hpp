// How often a task's telemetry is sent: the newest progress line at most once in a while, and so many log lines a second;
// the number of those left out is told. Pure: the caller brings the time.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace luthier::worker {

class ProgressThrottle {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit ProgressThrottle(std::chrono::milliseconds spacing_min) : spacing_min_(spacing_min) {}

  // The line to send now; nullopt: it is kept, and `due` tells when to ask again.
  std::optional<std::string> offer(std::string line, Time now);
  std::optional<Time> due() const;  // nullopt: nothing is kept
  std::optional<std::string> take(Time now);

 private:
  std::chrono::milliseconds spacing_min_;
  std::optional<Time> sent_at_;
  std::optional<std::string> kept_;
};

class LogThrottle {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit LogThrottle(std::size_t lines_per_second_max) : lines_max_(lines_per_second_max) {}

  bool allows(Time now);
  std::size_t take_left_out();  // since the last call

 private:
  std::size_t lines_max_;
  std::optional<Time> window_start_;
  std::size_t lines_ = 0, left_out_ = 0;
};

}  // namespace luthier::worker
