// The one table that maps what happens to a job to the status that the platform's API knows:
//
//   created -> pending -> active -> completed | error | cancelled
//   … -> cancelling -> cancelled        … -> pausing -> paused -> resuming -> pending -> active
//
// An attempt that is lost does not take the status back: the platform knows no way from active to pending.
#pragma once

#include <string>

#include "events/job/events.hpp"

namespace luthier::projections {

inline std::string status_after_queued() { return "created"; }

// Of one that was submitted, and is prepared now.
inline std::string status_after(const std::string& before, const events::JobQueued&) {
  return before == "created" || before == "resuming" ? "pending" : before;
}
inline std::string status_after(const std::string& before, const events::JobPlaced&) {
  return before == "created" || before == "resuming" ? "pending" : before;
}
inline std::string status_after(const std::string&, const events::JobStarted&) { return "active"; }
inline std::string status_after(const std::string&, const events::JobAttemptStarted&) { return "active"; }
inline std::string status_after(const std::string& before, const events::JobAttemptEnded&) { return before; }
inline std::string status_after(const std::string&, const events::JobCancelRequested&) { return "cancelling"; }
inline std::string status_after(const std::string&, const events::JobPauseRequested&) { return "pausing"; }
inline std::string status_after(const std::string&, const events::JobPaused&) { return "paused"; }
inline std::string status_after(const std::string&, const events::JobResumed&) { return "resuming"; }
inline std::string status_after(const std::string&, const events::JobCompleted&) { return "completed"; }
inline std::string status_after(const std::string&, const events::JobFailed&) { return "error"; }
inline std::string status_after(const std::string&, const events::JobCancelled&) { return "cancelled"; }

}  // namespace luthier::projections
