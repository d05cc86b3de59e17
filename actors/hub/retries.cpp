#include "actors/hub/retries.hpp"

#include <algorithm>
#include <charconv>
#include <random>

#include "actors/hub/patience.hpp"

namespace luthier::hub {

bool may_pass(int status) { return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504; }

std::chrono::seconds asked_wait(const Head& head) {
  const auto text = head.find("Retry-After");
  std::int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 86'400));
}

bool Retries::may_go_on(Error& error) {
  if (error.code != ErrorCode::unavailable || ++failures_ >= transfer_.attempts) return false;
  auto wait = transfer_.backoff;
  for (int i = 1; i < failures_ && wait < transfer_.backoff_max; ++i) wait *= 2;
  // Many that failed together must not come back together.
  thread_local std::minstd_rand random(std::random_device{}());
  wait =
      wait / 2 + std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, std::max<std::int64_t>(wait.count(), 0))(random));
  wait = std::min(std::max(wait, std::chrono::duration_cast<std::chrono::milliseconds>(asked_wait_)), transfer_.backoff_max);
  asked_wait_ = {};
  if (auto slept = sleep_until({std::chrono::steady_clock::now() + wait, &transfer_.cancel}); !slept) {
    error = slept.error();
    return false;
  }
  return true;
}

}  // namespace luthier::hub
