// How far a fine-tuning job is, as the contract shows it: from the job's row, and from what its training has told so far.
#pragma once

#include <string>

#include "actors/rest/json.hpp"

namespace luthier::api {

class JobTelemetry;
struct JobProgress;

// "platform-job-…": the row's id as the contract spells it.
std::string platform_job_id(const rest::Json& row);
// {"message", …} of a job that failed, else null.
rest::Json job_error(const rest::Json& row);

// {"id", "name", "status", "status_details", "error_details", "created_at", "updated_at", "steps"}; each step with its one task. A step
// is there once the one before it has completed. `telemetry` may be null: then only what the log knows is told.
rest::Json job_status(const rest::Json& row, const JobTelemetry* telemetry);
rest::Json job_status_with(const rest::Json& row, const JobProgress* progress);  // null: nothing is told

}  // namespace luthier::api
