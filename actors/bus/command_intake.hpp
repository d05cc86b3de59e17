// The commands that have been delivered and not yet acknowledged: which acknowledgement belongs to which token.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace luthier::bus {

class CommandIntake {
 public:
  explicit CommandIntake(std::size_t credit) : tokens_max_(4 * credit + 64) {}

  // A token for a delivery whose acknowledgement goes to `subject`. The oldest ones are forgotten beyond a bound (the
  // server repeats a delivery that is not acknowledged, so that old ones have been replaced).
  std::uint64_t add(std::string subject);
  std::optional<std::string> take(std::uint64_t token);

 private:
  const std::size_t tokens_max_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::string> subjects_;
  std::uint64_t next_ = 1;
};

}  // namespace luthier::bus
