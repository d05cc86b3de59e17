#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const StartJob&, const Limits&);
Decision decide(const World&, const Request&, const SubmitJob&, const Limits&);
Decision decide(const World&, const Request&, const PrepareJob&, const Limits&);
Decision decide(const World&, const Request&, const RejectJob&, const Limits&);
Decision decide(const World&, const Request&, const UpdateJob&, const Limits&);
Decision decide(const World&, const Request&, const DeleteJob&, const Limits&);
Decision decide(const World&, const Request&, const CancelJob&, const Limits&);
Decision decide(const World&, const Request&, const PauseJob&, const Limits&);
Decision decide(const World&, const Request&, const ResumeJob&, const Limits&);
Decision decide(const World&, const Request&, const PlaceJob&, const Limits&);
Decision decide(const World&, const Request&, const BeginAttempt&, const Limits&);
Decision decide(const World&, const Request&, const RecordCheckpoint&, const Limits&);
Decision decide(const World&, const Request&, const CompleteAttempt&, const Limits&);
Decision decide(const World&, const Request&, const FailAttempt&, const Limits&);
Decision decide(const World&, const Request&, const ConfirmStopped&, const Limits&);

void evolve(World&, const Fact&, const JobSubmitted&);
void evolve(World&, const Fact&, const JobDetailsSet&);
void evolve(World&, const Fact&, const JobDeleted&);
void evolve(World&, const Fact&, const JobQueued&);
void evolve(World&, const Fact&, const JobTeacherSet&);
void evolve(World&, const Fact&, const JobPlaced&);
void evolve(World&, const Fact&, const JobStarted&);
void evolve(World&, const Fact&, const JobAttemptStarted&);
void evolve(World&, const Fact&, const JobCheckpointed&);
void evolve(World&, const Fact&, const JobAttemptEnded&);
void evolve(World&, const Fact&, const JobStepFinished&);
void evolve(World&, const Fact&, const JobCancelRequested&);
void evolve(World&, const Fact&, const JobPauseRequested&);
void evolve(World&, const Fact&, const JobPaused&);
void evolve(World&, const Fact&, const JobResumed&);
void evolve(World&, const Fact&, const JobCompleted&);
void evolve(World&, const Fact&, const JobFailed&);
void evolve(World&, const Fact&, const JobCancelled&);

// The job, when the report is of its present attempt and from whoever holds it. Otherwise a conflict that says what holds.
Result<const JobState*> reported_job(const World& world, const Request& request, std::int64_t attempt);

}  // namespace luthier::events
