// The statuses of a platform job, its steps and its tasks, and which may follow which.
#pragma once

#include <optional>
#include <string_view>

namespace luthier::events {

enum class StepStatus { created, pending, active, cancelling, cancelled, pausing, paused, resuming, error, completed };

std::string_view to_string(StepStatus status);  // as it is stored and sent
std::optional<StepStatus> parse_step_status(std::string_view text);

bool is_terminal(StepStatus status);
// The transitions of a step. From a status to itself is none.
bool may_follow(StepStatus from, StepStatus to);

// What a job is once a step of it has changed. Steps run one after the other: only the first can take its job back to pending, and
// only the last completes it.
StepStatus job_status_after(StepStatus job, StepStatus step, bool is_first, bool is_last);

}  // namespace luthier::events
