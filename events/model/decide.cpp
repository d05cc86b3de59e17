#include "events/json/value.hpp"
#include "events/model/analysis.hpp"
#include "events/model/details.hpp"
#include "events/model/rules.hpp"

namespace luthier::events {
namespace {

constexpr json::Bounds spec_bounds{.bytes_max = 256 * 1024, .depth_max = 32};

Result<std::string> base_reference(const World& world, const CreateModel& create, const std::string& workspace) {
  if (create.base_model.empty()) return std::string();
  const auto base = existing_model(world, create.base_model, workspace, "data.base_model");
  if (!base) return base.error();
  return reference_to(**base);
}

// Files may still be on their way from elsewhere: then the model is described once they are here.
bool awaits_files(const FilesetState& fileset) {
  const auto details = json::parse(fileset.details.text);
  const auto* import = details ? details->find("import") : nullptr;
  const auto* state = import ? import->find("state") : nullptr;
  return state && state->text() && (*state->text() == "listed" || *state->text() == "importing");
}

}  // namespace

std::string user_of_model(const World& world, const std::string& model_id) {
  for (const auto& [name, deployment] : world.deployments)
    if (deployment.model_id == model_id) return title_of("deployment", name);
  for (const auto& name : world.open_jobs)
    if (const JobState& job = world.jobs.at(name); job.model_id == model_id || (job.teacher && job.teacher->model_id == model_id))
      return title_of("job", name);
  return "";
}

Decision decide(const World& world, const Request& request, const CreateModel& create, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_name(world, "model", workspace, request.name, "name", limits); !ok) return ok.error();
  if (const JobState* job = claiming_job(world, workspace, request.name, "full"))
    return conflict("model " + workspace + "/" + request.name + " will be made by job " + reference_to(*job), "name");
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  ModelCreated created;
  created.description = create.description;
  if (!create.fileset.empty()) {  // it may still be empty: the model is described once there is something to read
    const auto fileset = existing_fileset(world, create.fileset, workspace, "data.fileset");
    if (!fileset) return fileset.error();
    created.fileset = reference_to(**fileset);
    created.fileset_id = (*fileset)->id;
  }
  const auto base = base_reference(world, create, workspace);
  if (!base) return base.error();
  created.base_model = *base;
  auto details = checked_details(create.details, limits);
  if (!details) return details.error();
  Facts facts{opening_fact(request, workspace, request.name, std::move(created))};
  if (details->text != "{}") facts.push_back({facts[0].stream, workspace, request.name, ModelDetailsSet{std::move(*details)}});
  return facts;
}

Decision decide(const World& world, const Request& request, const UpdateModel& update, const Limits& limits) {
  const auto found = target(world.models, request);
  if (!found) return found.error();
  const ModelState& model = **found;
  ModelUpdated updated{model.fileset, model.fileset_id, update.description.value_or(model.description)};
  if (auto ok = check_description(updated.description, limits); !ok) return ok.error();
  if (update.fileset) {
    auto fileset = existing_fileset(world, *update.fileset, model.workspace, "data.fileset");
    if (fileset && !awaits_files(**fileset)) fileset = filled_fileset(world, *update.fileset, model.workspace, "data.fileset");
    if (!fileset) return fileset.error();
    updated.fileset = reference_to(**fileset);
    updated.fileset_id = (*fileset)->id;
  }
  if (updated.fileset_id != model.fileset_id)
    if (const auto user = user_of_model(world, model.id); !user.empty())
      return conflict("model " + reference_to(model) + " is in use by " + user, "data.fileset");
  auto details = patched_details(model.details, update.details, limits);
  if (details) details = with_members(*details, update.replace, limits);
  if (!details) return details.error();
  Facts facts;
  if (updated.fileset_id != model.fileset_id || updated.description != model.description) facts.push_back(fact_of(model, updated));
  if (*details != model.details) facts.push_back(fact_of(model, ModelDetailsSet{std::move(*details)}));
  return facts;
}

Decision decide(const World& world, const Request& request, const FillModelSpec& fill, const Limits& limits) {
  const auto found = target(world.models, request);
  if (!found) return found.error();
  const ModelState& model = **found;
  const auto name = parse_reference(model.fileset, model.workspace);
  const FilesetState* fileset = name ? find(world.filesets, *name) : nullptr;
  if (!fileset || fileset->id != fill.fileset_id || fileset->content_version != fill.fileset_version)
    return conflict("the files of model " + reference_to(model) + " have changed since they were read", "data.fileset_version");
  const bool is_known = model.spec_fileset_version == fill.fileset_version;
  const auto with_job = [&](Facts facts, const JsonText& spec, const std::string& error) {
    if (!is_news(model, error)) return facts;
    auto job = analysis_job(world, request, model, *fileset, spec, error, limits);
    facts.insert(facts.end(), std::make_move_iterator(job.begin()), std::make_move_iterator(job.end()));
    return facts;
  };
  if (!fill.error.empty()) {
    const std::string error = readable(fill.error, limits);
    if (is_known && model.spec_error == error) return Facts{};
    return with_job(Facts{fact_of(model, ModelSpecFailed{fill.fileset_id, fill.fileset_version, error})}, {}, error);
  }
  const auto read = json::parse(fill.spec.text, spec_bounds);
  if (!read || read->is_null()) return invalid("data.spec: a spec or an error is needed", "data.spec");
  JsonText spec{""};
  json::append(spec.text, completed_spec(*read, model, *fileset));
  if (is_known && model.spec == spec) return Facts{};
  Facts facts{fact_of(model, ModelSpecFilled{fill.fileset_id, fill.fileset_version, spec})};
  return with_job(std::move(facts), spec, "");
}

Decision decide(const World& world, const Request& request, const DeleteModel&, const Limits&) {
  const auto found = target(world.models, request);
  if (!found) return found.error();
  const ModelState& model = **found;
  if (const auto user = user_of_model(world, model.id); !user.empty())
    return conflict("model " + reference_to(model) + " is in use by " + user, "name");
  Facts facts;
  for (const auto& [name, adapter] : model.adapters) facts.push_back(fact_of(model, AdapterDeleted{name}));
  facts.push_back(fact_of(model, ModelDeleted{}));
  return facts;
}

}  // namespace luthier::events
