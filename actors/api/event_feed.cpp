#include "actors/api/event_feed.hpp"

#include <algorithm>

namespace luthier::api {

void EventFeed::moved(Position readable) {
  {
    const std::lock_guard lock(mutex_);
    readable_ = std::max(readable_, readable);
  }
  moved_.notify_all();
}

bool EventFeed::wait_beyond(Position position, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return moved_.wait_for(lock, timeout, [&] { return readable_ > position; });
}

}  // namespace luthier::api
