// Wakes those that follow the log: up to which position everything can be read, and waiting for more.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "events/base/ids.hpp"

namespace luthier::api {

class EventFeed {
 public:
  // From the projector, after each commit. Smaller positions than before change nothing.
  void moved(Position readable);
  // True as soon as there is more than `position`; false: not within `timeout`.
  bool wait_beyond(Position position, std::chrono::milliseconds timeout) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable moved_;
  Position readable_ = 0;
};

}  // namespace luthier::api
