// The end of an attempt that has no result, whoever found it: the worker, its lease, or its next incarnation.
#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

// The outcome of an attempt that its worker stopped because it left in order. It says nothing against the task: it goes on elsewhere,
// or when the worker is back, however often.
inline constexpr std::string_view outcome_stopped = "stopped";
inline bool counts_as_failure(std::string_view outcome) { return outcome != outcome_stopped; }

struct AttemptEnd {
  std::string outcome;  // "failed", "crashed", "lost", "stopped"
  std::string reason;
  bool retryable;
};

// What follows for a job whose present attempt is over: another one, or the end that its phase asks for.
Fact ended_without_result(const JobState& job, const AttemptEnd& end, const Limits& limits);

}  // namespace luthier::events
