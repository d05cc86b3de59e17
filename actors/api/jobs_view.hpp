// Jobs of both kinds as the contract shows them, from their rows. Pure.
#pragma once

#include <string>
#include <string_view>

#include "actors/rest/json.hpp"

namespace luthier::api {

class JobTelemetry;

// "platform-job-step-…": the same for the same job, whoever asks and whenever.
std::string derived_job_id(std::string_view prefix, const std::string& job_id, std::string_view what);

// JobResponse.
rest::Json platform_job_response(const rest::Json& row);
rest::Json training_job_response(const rest::Json& row, const JobTelemetry* telemetry);

// {"id", "name", "status", "status_details", "error_details", "created_at", "updated_at", "steps"} with their tasks.
rest::Json platform_job_status(const rest::Json& row);

// Step, from the JobResponse and the step as the status has it; with `context`: StepWithContext.
rest::Json step_response(const rest::Json& job, const rest::Json& step, bool with_context);
rest::Json task_response(const rest::Json& job, const rest::Json& step, const rest::Json& task);

}  // namespace luthier::api
