// The acceptance of a job: what it names is there, was checked as it is now, and its output has a place.
#include "events/job/config.hpp"
#include "events/job/rules.hpp"
#include "events/json/value.hpp"
#include "events/model/rules.hpp"
#include "events/platform_job/rules.hpp"

namespace luthier::events {
namespace {

constexpr json::Bounds config_bounds{.bytes_max = 256 * 1024, .depth_max = 32};

// What becomes of the output's name: a submitted job may give new files to what a job before it has made, one that is checked before
// its acceptance may not.
enum class Taken { is_refused, is_replaced };

Result<void> check_adapter_name(const World& world, const std::string& reference, const ModelState& model, Taken taken, const Limits& limits) {
  if (taken == Taken::is_replaced && model.adapters.contains(reference)) return {};
  return check_new_adapter(world, model, reference, "data.output", limits);
}

Result<void> check_model_name(const World& world, const std::string& workspace, const std::string& output, const ModelState& base, Taken taken,
                              const Limits& limits) {
  const ModelState* model = find(world.models, {workspace, output});
  if (taken == Taken::is_refused || !model) return check_new_name(world, "model", workspace, output, "data.output", limits);
  const std::string title = "model " + reference_to(*model) + " already exists";
  if (model->id == base.id) return conflict(title + " and is the base of this job; choose another name for the output", "data.output");
  if (const auto user = user_of_model(world, model->id); !user.empty())
    return conflict(title + " and is in use by " + user + "; choose another name for the output", "data.output");
  return {};
}

// What a job makes lives in the job's workspace, an adapter too: its model may be one that many workspaces share.
Result<void> check_output(const World& world, const Request& request, const std::string& output, const std::string& method,
                          const ModelState& model, Taken taken, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = method == "lora" ? check_adapter_name(world, short_reference({workspace, output}, model.workspace), model, taken, limits)
                                 : check_model_name(world, workspace, output, model, taken, limits);
      !ok)
    return ok;
  if (const JobState* job = claiming_job(world, workspace, output))
    return conflict("\"" + output + "\" is the output of job " + reference_to(*job) + ", which has not ended", "data.output");
  return {};
}

// A distillation names its teacher, and nothing else has one.
Result<const ModelState*> named_teacher(const World& world, const std::string& workspace, const std::optional<std::string>& teacher,
                                        const TrainingMethod& method) {
  if (method.has_teacher != teacher.has_value())
    return invalid(teacher ? "data.teacher: the configuration has no \"distillation\", so there is nothing to learn from " + *teacher
                           : "data.teacher: a model is needed where the configuration has \"distillation\"", "data.teacher");
  if (!teacher) return nullptr;
  return existing_model(world, *teacher, workspace, "data.teacher");
}

JobTeacher seen_now(const ModelState& teacher) { return {reference_to(teacher), teacher.id, teacher.fileset_id}; }

// What will be read later is there, or on its way.
Result<void> check_readable(const World& world, const ModelState& model) {
  if (!model.fileset.empty() && model.spec_error.empty()) return {};
  const auto analysed = check_analysed(world, model);
  return !analysed && (model.fileset.empty() || analysed.error().code == ErrorCode::invalid) ? analysed : Result<void>();
}

struct Accepted {
  const ModelState* model;
  const FilesetState* dataset;
  const ModelState* teacher;  // nullptr: none
  std::string method;
  JsonText config;
};

// What is asked of every job, whether its rows were read before or will be read afterwards.
template <class Wish>
Result<Accepted> accept(const World& world, const Request& request, const Wish& wish, Taken taken, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_job_name(world, "job", workspace, request.name, limits); !ok) return ok.error();
  if (auto ok = check_description(wish.description, limits); !ok) return ok.error();
  const auto model = existing_model(world, wish.model, workspace, "data.model");
  if (!model) return model.error();
  const auto dataset = existing_fileset(world, wish.dataset, workspace, "data.dataset");
  if (!dataset) return dataset.error();
  auto config = json::canonical(wish.config.text, config_bounds);
  if (!config) return invalid("data.config: " + config.error().message, "data.config");
  const auto method = method_of(*config);
  if (!method) return method.error();
  const auto teacher = named_teacher(world, workspace, wish.teacher, *method);
  if (!teacher) return teacher.error();
  if (auto ok = check_output(world, request, wish.output, method->method, **model, taken, limits); !ok) return ok.error();
  return Accepted{*model, *dataset, *teacher, method->method, std::move(*config)};
}

Result<void> check_inputs(const StartJob& start, const ModelState& model, const FilesetState& dataset, const ModelState* teacher) {
  if (!start.inputs || (teacher && !start.seen_teacher)) return unchecked("data.inputs");
  const JobInputs& seen = *start.inputs;
  if (seen.model_id != model.id || seen.model_fileset_id != model.fileset_id || seen.dataset_fileset_id != dataset.id)
    return conflict("the model or the dataset of the job has changed while being checked; send it again", "data.inputs");
  if (teacher && (start.seen_teacher->model_id != teacher->id || start.seen_teacher->fileset_id != teacher->fileset_id))
    return conflict("the teacher of the job has changed while being checked; send it again", "data.seen_teacher");
  return {};
}

}  // namespace

Decision decide(const World& world, const Request& request, const StartJob& start, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  const auto accepted = accept(world, request, start, Taken::is_refused, limits);
  if (!accepted) return accepted.error();
  if (accepted->dataset->files.empty())
    return invalid("fileset " + reference_to(*accepted->dataset) + " is empty; put files into it first", "data.dataset");
  for (const auto* model : {accepted->model, accepted->teacher})
    if (auto ok = model ? check_analysed(world, *model) : Result<void>(); !ok) return ok.error();
  if (auto ok = check_inputs(start, *accepted->model, *accepted->dataset, accepted->teacher); !ok) return ok.error();
  Facts facts{opening_fact(request, workspace, request.name,
                            JobQueued{reference_to(*accepted->model), reference_to(*accepted->dataset), start.output, accepted->method,
                                      start.description, start.priority, accepted->config, *start.inputs})};
  if (accepted->teacher) facts.push_back({facts[0].stream, workspace, request.name, JobTeacherSet{*start.seen_teacher}});
  return facts;
}

Decision decide(const World& world, const Request& request, const SubmitJob& submit, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  const auto accepted = accept(world, request, submit, Taken::is_replaced, limits);
  if (!accepted) return accepted.error();
  for (const auto* model : {accepted->model, accepted->teacher})
    if (auto ok = model ? check_readable(world, *model) : Result<void>(); !ok) return ok.error();
  if (!submit.output_fileset.empty())
    if (auto ok = check_new_name(world, "fileset", workspace, submit.output_fileset, "data.output_fileset", limits); !ok) return ok.error();
  auto details = checked_details(submit.details, limits);
  if (!details) return details.error();
  auto preparation = checked_details(submit.preparation, limits);
  if (!preparation) return preparation.error();
  auto deploy = submit.deploy;
  if (deploy) {
    auto data = checked_details(deploy->config_data, limits);
    if (!data) return data.error();
    if (deploy->config_data.text != "null") deploy->config_data = std::move(*data);
  }
  Facts facts{opening_fact(request, workspace, request.name,
                            JobSubmitted{reference_to(*accepted->model), reference_to(*accepted->dataset), submit.output, submit.output_fileset,
                                         accepted->method, submit.description, submit.priority, accepted->model->id, accepted->dataset->id,
                                         accepted->config, std::move(*preparation), std::move(*details), std::move(deploy)})};
  if (accepted->teacher) facts.push_back({facts[0].stream, workspace, request.name, JobTeacherSet{seen_now(*accepted->teacher)}});
  return facts;
}

Decision decide(const World& world, const Request& request, const PrepareJob& prepare, const Limits&) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  const JobState& job = **found;
  if (job.phase != JobPhase::checking)
    return conflict("job " + reference_to(job) + " is " + std::string(to_string(job.phase)) + "; it is not to be prepared");
  auto config = json::canonical(prepare.config.text, config_bounds);
  if (!config) return invalid("data.config: " + config.error().message, "data.config");
  if (prepare.inputs.model_id != job.model_id || prepare.inputs.dataset_fileset_id != job.inputs.dataset_fileset_id)
    return conflict("the model or the dataset of job " + reference_to(job) + " has been replaced since it was submitted", "data.inputs");
  if (prepare.teacher.has_value() != job.teacher.has_value() || (job.teacher && prepare.teacher->model_id != job.teacher->model_id))
    return conflict("the teacher of job " + reference_to(job) + " has been replaced since it was submitted", "data.teacher");
  Facts facts;
  if (prepare.teacher) facts.push_back(fact_of(job, JobTeacherSet{*prepare.teacher}));
  facts.push_back(fact_of(job, JobQueued{job.model, job.dataset, job.output, job.method, job.description, job.priority, std::move(*config),
                                         prepare.inputs}));
  return facts;
}

Decision decide(const World& world, const Request& request, const RejectJob& reject, const Limits& limits) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  if ((*found)->phase != JobPhase::checking) return conflict("job " + reference_to(**found) + " is " + std::string(to_string((*found)->phase)));
  return Facts{fact_of(**found, JobFailed{0, "failed", readable(reject.reason, limits)})};
}

Decision decide(const World& world, const Request& request, const UpdateJob& update, const Limits& limits) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  auto details = patched_details((*found)->details, update.details, limits);
  if (!details) return details.error();
  if (*details == (*found)->details) return Facts{};
  return Facts{fact_of(**found, JobDetailsSet{std::move(*details)})};
}

Decision decide(const World& world, const Request& request, const DeleteJob&, const Limits&) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  if (!is_terminal((*found)->phase))
    return conflict("job " + reference_to(**found) + " is " + std::string(to_string((*found)->phase)) + "; cancel it, and delete it when it has ended");
  return Facts{fact_of(**found, JobDeleted{})};
}

}  // namespace luthier::events
