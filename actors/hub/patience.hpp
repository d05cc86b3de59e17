// How long is waited, and that somebody may end the waiting.
#pragma once

#include <chrono>
#include <functional>

#include "events/base/result.hpp"

namespace luthier::hub {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Patience {
  SteadyTime deadline;
  const std::function<bool()>* cancel = nullptr;  // may be null, and may be an empty function

  bool is_cancelled() const { return cancel && *cancel && (*cancel)(); }
};

// Until a descriptor is ready for `events` of poll(2). unavailable: too late; cancelled.
Result<void> wait_for(int descriptor, short events, const Patience& patience);
// The one error: cancelled.
Result<void> sleep_until(const Patience& patience);

}  // namespace luthier::hub
