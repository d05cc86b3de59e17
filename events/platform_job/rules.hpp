#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreatePlatformJob&, const Limits&);
Decision decide(const World&, const Request&, const SetStepStatus&, const Limits&);
Decision decide(const World&, const Request&, const PutTask&, const Limits&);
Decision decide(const World&, const Request&, const MergeJobDetails&, const Limits&);
Decision decide(const World&, const Request&, const CancelPlatformJob&, const Limits&);
Decision decide(const World&, const Request&, const PausePlatformJob&, const Limits&);
Decision decide(const World&, const Request&, const ResumePlatformJob&, const Limits&);
Decision decide(const World&, const Request&, const PutJobResult&, const Limits&);
Decision decide(const World&, const Request&, const DeletePlatformJob&, const Limits&);

void evolve(World&, const Fact&, const PlatformJobCreated&);
void evolve(World&, const Fact&, const PlatformStepCreated&);
void evolve(World&, const Fact&, const PlatformStepStatusSet&);
void evolve(World&, const Fact&, const PlatformJobStatusSet&);
void evolve(World&, const Fact&, const PlatformTaskPut&);
void evolve(World&, const Fact&, const PlatformJobDetailsMerged&);
void evolve(World&, const Fact&, const PlatformJobResultPut&);
void evolve(World&, const Fact&, const PlatformJobDeleted&);

// Platform jobs and fine-tuning jobs are one list, so that neither kind may take a name that the other has. `entity` is what is to be
// made: "job" or "platform_job".
Result<void> check_new_job_name(const World& world, const std::string& entity, const std::string& workspace, const std::string& name,
                                const Limits& limits);

// A step takes another status, which may follow its own, and the job with it.
Facts step_moved(const PlatformJobState& job, const PlatformStepState& step, StepStatus status, std::optional<JsonText> details = {},
                 std::optional<JsonText> error_details = {});

// What the platform has done by itself, as a job of one step that has ended, for whoever looks for it among the jobs.
struct DoneWork {
  std::string name, source, description, step;
  JsonText spec;
  std::string message, error;  // what came of it; error: why nothing did, else empty
};
// Nothing where the workspace has no room or no such name left: the work is done all the same.
Facts job_of_done_work(const World& world, const Request& request, DoneWork work, const Limits& limits);

// An object, canonical and within its bounds; nothing when there is none, or a null.
Result<std::optional<JsonText>> checked_object(const std::optional<JsonText>& text, const std::string& field, const Limits& limits);
// The same for one that is to be merged into `details`, which must stay within the bounds as well.
Result<std::optional<JsonText>> merged_patch(const JsonText& details, const std::optional<JsonText>& patch, const std::string& field,
                                             const Limits& limits);

}  // namespace luthier::events
