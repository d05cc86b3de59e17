#include "actors/worker/telemetry.hpp"

#include <utility>

namespace luthier::worker {

std::optional<std::string> ProgressThrottle::offer(std::string line, Time now) {
  kept_ = std::move(line);
  return take(now);
}

std::optional<ProgressThrottle::Time> ProgressThrottle::due() const {
  if (!kept_) return std::nullopt;
  return sent_at_ ? *sent_at_ + spacing_min_ : Time{};
}

std::optional<std::string> ProgressThrottle::take(Time now) {
  if (!kept_ || (sent_at_ && now < *sent_at_ + spacing_min_)) return std::nullopt;
  sent_at_ = now;
  return std::exchange(kept_, std::nullopt);
}

bool LogThrottle::allows(Time now) {
  if (!window_start_ || now - *window_start_ >= std::chrono::seconds(1)) {
    window_start_ = now;
    lines_ = 0;
  }
  if (lines_ < lines_max_) {
    ++lines_;
    return true;
  }
  ++left_out_;
  return false;
}

std::size_t LogThrottle::take_left_out() { return std::exchange(left_out_, 0); }

}  // namespace luthier::worker
