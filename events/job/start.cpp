// The acceptance of a job: what it names is there, was checked as it is now, and its output has a place.
#include "events/job/config.hpp"
#include "events/job/rules.hpp"
#include "events/json/value.hpp"
#include "events/model/rules.hpp"

namespace luthier::events {
namespace {

constexpr json::Bounds config_bounds{.bytes_max = 256 * 1024, .depth_max = 32};

// An adapter lives with its model; a full model lives with its job.
Result<void> check_output(const World& world, const Request& request, const StartJob& start, const std::string& method,
                          const ModelState& model, const Limits& limits) {
  const std::string field = "data.output";
  const std::string& workspace = request.key.workspace;
  if (method == "lora" && model.workspace != workspace)
    return invalid("data.model: an adapter is made in the workspace of its model; start the job in " + model.workspace, "data.model");
  if (auto ok = method == "lora" ? check_new_adapter(world, model, start.output, field, limits)
                                 : check_new_name(world, "model", workspace, start.output, field, limits);
      !ok)
    return ok;
  if (const JobState* job = claiming_job(world, workspace, start.output))
    return conflict("\"" + start.output + "\" is the output of job " + reference_to(*job) + ", which has not ended", field);
  return {};
}

Result<void> check_inputs(const StartJob& start, const ModelState& model, const FilesetState& dataset) {
  if (!start.inputs) return unchecked("data.inputs");
  const JobInputs& seen = *start.inputs;
  if (seen.model_id != model.id || seen.model_fileset_id != model.fileset_id || seen.dataset_fileset_id != dataset.id)
    return conflict("the model or the dataset of the job has changed while being checked; send it again", "data.inputs");
  return {};
}

}  // namespace

Decision decide(const World& world, const Request& request, const StartJob& start, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_name(world, "job", workspace, request.name, "name", limits); !ok) return ok.error();
  if (auto ok = check_description(start.description, limits); !ok) return ok.error();
  const auto model = existing_model(world, start.model, workspace, "data.model");
  if (!model) return model.error();
  const auto dataset = filled_fileset(world, start.dataset, workspace, "data.dataset");
  if (!dataset) return dataset.error();
  if (auto ok = check_analysed(world, **model); !ok) return ok.error();
  auto config = json::canonical(start.config.text, config_bounds);
  if (!config) return invalid("data.config: " + config.error().message, "data.config");
  const auto method = method_of(*config);
  if (!method) return method.error();
  if (auto ok = check_output(world, request, start, method->method, **model, limits); !ok) return ok.error();
  if (auto ok = check_inputs(start, **model, **dataset); !ok) return ok.error();
  return Facts{opening_fact(request, workspace, request.name,
                            JobQueued{reference_to(**model), reference_to(**dataset), start.output, method->method,
                                      start.description, start.priority, std::move(*config), *start.inputs})};
}

}  // namespace luthier::events
