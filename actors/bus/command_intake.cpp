#include "actors/bus/command_intake.hpp"

namespace luthier::bus {

std::uint64_t CommandIntake::add(std::string subject) {
  const std::lock_guard lock(mutex_);
  if (subjects_.size() >= tokens_max_) subjects_.erase(subjects_.begin());
  subjects_.emplace(next_, std::move(subject));
  return next_++;
}

std::optional<std::string> CommandIntake::take(std::uint64_t token) {
  const std::lock_guard lock(mutex_);
  const auto found = subjects_.find(token);
  if (found == subjects_.end()) return std::nullopt;
  std::string subject = std::move(found->second);
  subjects_.erase(found);
  return subject;
}

}  // namespace luthier::bus
