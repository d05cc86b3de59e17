// Walks records in order of position and accepts each only if it is the next one: its own hash, no gap, no repetition, the
// link to the one before, time that does not run backwards. Every reader of the log reads through it.
#pragma once

#include <string_view>

#include "events/log/event_log.hpp"

namespace luthier::log {

class Chain {
 public:
  Chain();  // before position 1
  explicit Chain(const Record& last) : head_{last.position, last.hash}, time_(last.time) {}

  // The value found under `position`. A failure is `corrupt`, names the first position that does not verify, and leaves
  // the chain where it was.
  Result<Record> next(Position position, std::string_view stored);

  const Head& head() const { return head_; }
  Timestamp time() const { return time_; }

 private:
  Head head_;
  Timestamp time_;
};

}  // namespace luthier::log
