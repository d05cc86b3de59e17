// What a runner tells of a platform job beside the statuses of its steps: tasks, details, results.
#include <algorithm>

#include "events/json/utf8.hpp"
#include "events/json/value.hpp"
#include "events/platform_job/details.hpp"
#include "events/platform_job/rules.hpp"

namespace luthier::events {
namespace {

constexpr std::size_t tasks_max = 256, results_max = 1'000;  // of a job
constexpr std::size_t all_details_bytes_max = 4 * 1024 * 1024;  // of a job's tasks together
constexpr std::size_t stack_bytes_max = 64 * 1024, url_bytes_max = 2'048, name_bytes_max = 255;

// ^[\w\-.]+$, as tasks and results are called.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

Error bad_name(const std::string& field) {
  return invalid(field + ": 1 to " + std::to_string(name_bytes_max) + " letters, digits and _ - . are needed", field);
}

Result<void> check_room(const PlatformJobState& job, const PlatformStepState& step, const std::string& task, std::size_t more) {
  std::size_t tasks = step.tasks.contains(task) ? 0 : 1, bytes = more;
  for (const auto& each : job.steps) {
    tasks += each.tasks.size();
    for (const auto& [name, state] : each.tasks) bytes += state.details.text.size();
  }
  if (tasks > tasks_max)
    return Error{ErrorCode::limit, "job " + reference_to(job) + " has " + std::to_string(tasks_max) + " tasks, which is the most", "data.task"};
  if (bytes > all_details_bytes_max)
    return Error{ErrorCode::limit, "the status details of the tasks of job " + reference_to(job) + " would have more than " +
                                       std::to_string(all_details_bytes_max) + " bytes", "data.status_details"};
  return {};
}

}  // namespace

Result<std::optional<JsonText>> checked_object(const std::optional<JsonText>& text, const std::string& field, const Limits& limits) {
  if (!text) return std::optional<JsonText>();
  auto canonical = json::canonical(text->text, {.bytes_max = limits.document_bytes_max, .depth_max = limits.document_depth_max});
  if (!canonical) return invalid(field + ": " + canonical.error().message, field);
  if (canonical->text == "null") return std::optional<JsonText>();
  if (!canonical->text.starts_with('{')) return invalid(field + ": an object is needed", field);
  return std::optional(std::move(*canonical));
}

Result<std::optional<JsonText>> merged_patch(const JsonText& details, const std::optional<JsonText>& patch, const std::string& field,
                                             const Limits& limits) {
  auto checked = checked_object(patch, field, limits);
  if (!checked || !*checked) return checked;
  const auto size = with_members(details, **checked).text.size();
  if (size > limits.document_bytes_max)
    return Error{ErrorCode::limit, field + ": together with what is there it would have " + std::to_string(size) + " bytes; at most " +
                                       std::to_string(limits.document_bytes_max), field};
  return checked;
}

Decision decide(const World& world, const Request& request, const PutTask& put, const Limits& limits) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  const auto step = std::find_if(job.steps.begin(), job.steps.end(), [&](const PlatformStepState& each) { return each.name == put.step; });
  if (step == job.steps.end())
    return Error{ErrorCode::not_found, "step " + readable(put.step, limits) + " of job " + reference_to(job) + " not found", "data.step"};
  if (!is_plain_name(put.task)) return bad_name("data.task");
  const auto present = step->tasks.find(put.task);
  const auto before = present == step->tasks.end() ? PlatformTaskState() : present->second;
  const auto status = put.status ? parse_step_status(*put.status) : before.status;
  if (!status) return invalid("data.status: \"" + readable(*put.status, limits).substr(0, 100) + "\" is no status of a task", "data.status");
  auto details = merged_patch(before.details, put.status_details, "data.status_details", limits);
  if (!details) return details.error();
  if (auto ok = merged_patch(job.details, put.status_details, "data.status_details", limits); !ok) return ok.error();
  if (auto ok = check_room(job, *step, put.task, *details ? (*details)->text.size() : 0); !ok) return ok.error();
  auto error = checked_object(put.error_details, "data.error_details", limits);
  if (!error) return error.error();
  auto stack = put.error_stack;
  if (stack) stack = json::repaired_utf8(*stack, stack_bytes_max);
  return Facts{fact_of(job, PlatformTaskPut{put.step, put.task, std::string(to_string(*status)), std::move(*details), std::move(*error),
                                            std::move(stack)})};
}

Decision decide(const World& world, const Request& request, const MergeJobDetails& merge, const Limits& limits) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  auto details = merged_patch((*found)->details, merge.status_details, "data.status_details", limits);
  if (!details) return details.error();
  if (!*details || (*details)->text == "{}") return Facts{};
  return Facts{fact_of(**found, PlatformJobDetailsMerged{std::move(**details)})};
}

Decision decide(const World& world, const Request& request, const PutJobResult& put, const Limits& limits) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  if (!is_plain_name(put.result)) return bad_name("data.result");
  if (put.artifact_url.empty() || put.artifact_url.size() > url_bytes_max || !json::is_utf8(put.artifact_url))
    return invalid("data.artifact_url: UTF-8 of 1 to " + std::to_string(url_bytes_max) + " bytes is needed", "data.artifact_url");
  if (put.artifact_storage_type != "fileset")
    return invalid("data.artifact_storage_type: \"fileset\" is the one that there is", "data.artifact_storage_type");
  if (!job.results.contains(put.result) && job.results.size() >= results_max)
    return Error{ErrorCode::limit, "job " + reference_to(job) + " has " + std::to_string(results_max) + " results, which is the most", "data.result"};
  (void)limits;
  return Facts{fact_of(job, PlatformJobResultPut{put.result, put.artifact_url, put.artifact_storage_type})};
}

}  // namespace luthier::events
