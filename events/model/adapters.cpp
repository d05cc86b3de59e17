// The adapters that a model has: made, changed, switched on and off, and deleted in the model's stream.
#include <cmath>

#include "events/model/finetuning.hpp"
#include "events/model/rules.hpp"

namespace luthier::events {
namespace {

struct Target {
  const ModelState* model;
  const AdapterState* adapter;
  std::string reference;  // as the model's stream names the adapter
};

Result<Target> adapter_of(const World& world, const Request& request, const std::string& adapter) {
  const auto model = target(world.models, request);
  if (!model) return model.error();
  const auto name = parse_reference(adapter, (*model)->workspace);
  const auto reference = name ? short_reference(*name, (*model)->workspace) : "";
  const auto found = (*model)->adapters.find(reference);
  if (found == (*model)->adapters.end())
    return Error{ErrorCode::not_found, "adapter " + readable(adapter, {}) + " of model " + reference_to(**model) + " not found", "data.adapter"};
  return Target{*model, &found->second, reference};
}

// Switching on what is on changes nothing.
void add_switch(const Target& target, bool enabled, Facts& facts) {
  if (target.adapter->enabled == enabled) return;
  facts.push_back(enabled ? fact_of(*target.model, AdapterEnabled{target.reference}) : fact_of(*target.model, AdapterDisabled{target.reference}));
}

Decision switched(const World& world, const Request& request, const std::string& adapter, bool enabled) {
  const auto found = adapter_of(world, request, adapter);
  if (!found) return found.error();
  Facts facts;
  add_switch(*found, enabled, facts);
  return facts;
}

// Whether there is a checkpoint that an adapter's files can be compared with.
bool has_checkpoint(const World& world, const ModelState& model) {
  const auto name = parse_reference(model.fileset, model.workspace);
  const FilesetState* fileset = name ? find(world.filesets, *name) : nullptr;
  return fileset && fileset->id == model.fileset_id && !fileset->files.empty();
}

// The shape that the check has read; of a model without a checkpoint, which has no check, what the client says or nothing.
Result<LoraShape> checked_shape(const World& world, const ModelState& model, const std::optional<LoraShape>& lora) {
  if (!lora && has_checkpoint(world, model)) return unchecked("data.lora");
  if (!lora) return LoraShape{};
  if (auto ok = check_lora(*lora); !ok) return ok.error();
  return *lora;
}

// The content that an update leaves the adapter with; its shape comes from the check that has read it.
Result<void> change_content(const World& world, const UpdateAdapter& update, const Target& target, AdapterUpdated& updated) {
  if (!update.fileset) {
    if (!update.lora) return {};
    return invalid("data.lora: is read from the files, name a fileset with it", "data.lora");
  }
  const auto fileset = filled_fileset(world, *update.fileset, target.adapter->workspace, "data.fileset");
  if (!fileset) return fileset.error();
  const auto shape = checked_shape(world, *target.model, update.lora);
  if (!shape) return shape.error();
  updated.fileset = reference_to(**fileset);
  updated.fileset_id = (*fileset)->id;
  updated.fileset_version = (*fileset)->content_version;
  updated.lora = *shape;
  return {};
}

}  // namespace

Result<void> check_lora(const LoraShape& lora) {
  if (lora.rank < 1) return invalid("data.lora.rank: 1 or more is needed", "data.lora.rank");
  if (!std::isfinite(lora.alpha)) return invalid("data.lora.alpha: a finite number is needed", "data.lora.alpha");
  return {};
}

Result<void> check_new_adapter(const World& world, const ModelState& model, const std::string& adapter,
                               const std::string& field, const Limits& limits) {
  const auto slash = adapter.find('/');
  const World::Name name = slash == adapter.npos ? World::Name{model.workspace, adapter} : World::Name{adapter.substr(0, slash), adapter.substr(slash + 1)};
  if (auto ok = check_new_name(world, "adapter", name.first, name.second, field, limits); !ok) return ok;
  if (!workspace_exists(world, name.first)) return invalid("workspace " + readable(name.first, limits) + " does not exist", field);
  if (const auto taken = world.adapter_models.find(name); taken != world.adapter_models.end())
    return conflict(title_of("adapter", name) + " already exists, of model " + taken->second, field);
  if (model.adapters.size() >= limits.adapters_per_model_max)
    return Error{ErrorCode::limit, "model " + reference_to(model) + " has " + std::to_string(model.adapters.size()) +
                                       " adapters, which is the most", field};
  return {};
}

Decision decide(const World& world, const Request& request, const CreateAdapter& create, const Limits& limits) {
  const auto found = target(world.models, request);
  if (!found) return found.error();
  const ModelState& model = **found;
  if (auto ok = check_new_adapter(world, model, create.adapter, "data.adapter", limits); !ok) return ok.error();
  const auto name = *parse_reference(create.adapter, model.workspace);
  if (const JobState* job = claiming_job(world, name.first, name.second, "lora"))
    return conflict(title_of("adapter", name) + " will be made by job " + reference_to(*job), "data.adapter");
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  if (!is_finetuning_type(create.finetuning_type))
    return invalid("data.finetuning_type: \"" + readable(create.finetuning_type, limits) + "\" is none that is known; lora is one", "data.finetuning_type");
  const auto fileset = filled_fileset(world, create.fileset, name.first, "data.fileset");
  if (!fileset) return fileset.error();
  const auto shape = checked_shape(world, model, create.lora);
  if (!shape) return shape.error();
  AdapterCreated created;
  created.adapter = short_reference(name, model.workspace);
  created.adapter_id = derive_entity_id("adapter", request.key);
  created.fileset = reference_to(**fileset);
  created.fileset_id = (*fileset)->id;
  created.fileset_version = (*fileset)->content_version;
  created.description = create.description;
  created.finetuning_type = create.finetuning_type;
  created.enabled = create.enabled;
  created.lora = *shape;
  return Facts{fact_of(model, created)};
}

Decision decide(const World& world, const Request& request, const UpdateAdapter& update, const Limits& limits) {
  const auto found = adapter_of(world, request, update.adapter);
  if (!found) return found.error();
  const AdapterState& now = *found->adapter;
  const AdapterUpdated before{found->reference, now.fileset, now.fileset_id, now.description, now.fileset_version, now.lora};
  AdapterUpdated updated = before;
  updated.description = update.description.value_or(now.description);
  if (auto ok = check_description(updated.description, limits); !ok) return ok.error();
  if (auto ok = change_content(world, update, *found, updated); !ok) return ok.error();
  Facts facts;
  if (updated != before) facts.push_back(fact_of(*found->model, updated));
  if (update.enabled) add_switch(*found, *update.enabled, facts);
  return facts;
}

Decision decide(const World& world, const Request& request, const EnableAdapter& enable, const Limits&) {
  return switched(world, request, enable.adapter, true);
}

Decision decide(const World& world, const Request& request, const DisableAdapter& disable, const Limits&) {
  return switched(world, request, disable.adapter, false);
}

Decision decide(const World& world, const Request& request, const DeleteAdapter& remove, const Limits&) {
  const auto found = adapter_of(world, request, remove.adapter);
  if (!found) return found.error();
  return Facts{fact_of(*found->model, AdapterDeleted{found->reference})};
}

}  // namespace luthier::events
