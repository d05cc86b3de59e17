// The events that are on their way into the stream. Each gets its answer exactly once, in the order in which they were
// added, and all from the one thread that calls `take`, whether the server answers, refuses, or has gone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "events/base/result.hpp"

namespace luthier::bus {

class EventWindow {
 public:
  using Done = std::function<void(Result<void>)>;
  using Time = std::chrono::steady_clock::time_point;

  explicit EventWindow(std::size_t entries_max) : entries_max_(entries_max) {}

  // The id under which its answer will come; nullopt: the window is full or closed, and `done` hears of it in its turn.
  std::optional<std::uint64_t> add(std::int64_t position, Time deadline, Done done);
  // What the server has answered; an id that is not waiting is ignored.
  void resolve(std::uint64_t id, Result<void> answer);
  // Of one that still waits for its answer.
  std::optional<std::int64_t> position_of(std::uint64_t id) const;
  void fail_all(const Error& error);

  // Waits until the first entry has its answer or its deadline has passed, then gives what to call. nullopt: closed and
  // empty, nothing will come any more.
  std::optional<std::function<void()>> take();
  void close(const Error& error);

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::int64_t position = 0;
    Time deadline;
    Done done;
    std::optional<Result<void>> answer;
  };
  Entry* find(std::uint64_t id);

  const std::size_t entries_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> entries_;  // ids ascend without a gap
  std::uint64_t next_id_ = 1;
  bool closed_ = false;
};

}  // namespace luthier::bus
