// How long the other side may let us wait: `time`, and a second more for each `bytes_per_second` that it has sent or taken. Only the
// waiting counts, not what we do meanwhile; so a client that moves a byte now and then does not hold its connection for ever, and
// one that moves many may take as long as they need.
#pragma once

#include <chrono>
#include <cstdint>

namespace luthier::gateway {

struct Pace {
  std::chrono::milliseconds time{};
  std::int64_t bytes_per_second = 0;  // 0: each wait may take `time`
  std::chrono::nanoseconds waited{};
  std::int64_t moved = 0;

  std::chrono::nanoseconds left() const {
    if (bytes_per_second == 0) return time;
    const auto earned = std::chrono::milliseconds(moved / bytes_per_second * 1000 + moved % bytes_per_second * 1000 / bytes_per_second);
    return time + earned - waited;
  }
};

}  // namespace luthier::gateway
