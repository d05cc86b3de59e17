#include "actors/hub/patience.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace luthier::hub {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t slice_ms = 100;  // how late somebody's wish to end may be noticed

std::int64_t left_ms(SteadyTime deadline) {
  return std::max<std::int64_t>(std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count(), 0);
}

Error cancelled_error() { return {ErrorCode::cancelled, "the transfer was cancelled", {}}; }

}  // namespace

Result<void> wait_for(int descriptor, short events, const Patience& patience) {
  while (true) {
    if (patience.is_cancelled()) return cancelled_error();
    const auto left = left_ms(patience.deadline);
    pollfd entry{descriptor, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min(left, slice_ms)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return Error{ErrorCode::io, "waiting for a connection failed", {}};
    if (left == 0) return Error{ErrorCode::unavailable, "the other side is too slow", {}};
  }
}

Result<void> sleep_until(const Patience& patience) {
  while (true) {
    if (patience.is_cancelled()) return cancelled_error();
    const auto left = left_ms(patience.deadline);
    if (left == 0) return {};
    ::poll(nullptr, 0, static_cast<int>(std::min(left, slice_ms)));
  }
}

}  // namespace luthier::hub
