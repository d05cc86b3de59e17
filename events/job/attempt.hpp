// The end of an attempt that has no result, whoever found it: the worker, its lease, or its next incarnation.
#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

struct AttemptEnd {
  std::string outcome;  // "failed", "crashed", "lost"
  std::string reason;
  bool retryable;
};

// What follows for a job whose present attempt is over: another one, or the end that its phase asks for.
Fact ended_without_result(const JobState& job, const AttemptEnd& end, const Limits& limits);

}  // namespace luthier::events
