// The adapters that a model has: made, changed, switched on and off, and deleted in the model's stream.
#include <cmath>

#include "events/model/rules.hpp"

namespace luthier::events {
namespace {

struct Target {
  const ModelState* model;
  const AdapterState* adapter;
};

Result<Target> adapter_of(const World& world, const Request& request, const std::string& adapter) {
  const auto model = target(world.models, request);
  if (!model) return model.error();
  const auto found = (*model)->adapters.find(adapter);
  if (found == (*model)->adapters.end())
    return Error{ErrorCode::not_found, "model " + reference_to(**model) + " has no adapter " + adapter, "data.adapter"};
  return Target{*model, &found->second};
}

template <class E>
Decision switched(const World& world, const Request& request, const std::string& adapter, bool enabled) {
  const auto found = adapter_of(world, request, adapter);
  if (!found) return found.error();
  if (found->adapter->enabled == enabled) return Facts{};
  return Facts{fact_of(*found->model, E{adapter})};
}

// The content that an update leaves the adapter with; its shape comes from the check that has read it.
Result<void> change_content(const World& world, const UpdateAdapter& update, const std::string& workspace, AdapterUpdated& updated) {
  if (!update.fileset) {
    if (!update.lora) return {};
    return invalid("data.lora: is read from the files, name a fileset with it", "data.lora");
  }
  const auto fileset = filled_fileset(world, *update.fileset, workspace, "data.fileset");
  if (!fileset) return fileset.error();
  if (!update.lora) return unchecked("data.lora");
  if (auto ok = check_lora(*update.lora); !ok) return ok;
  updated.fileset = reference_to(**fileset);
  updated.fileset_id = (*fileset)->id;
  updated.fileset_version = (*fileset)->content_version;
  updated.lora = *update.lora;
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
  if (auto ok = check_new_name(world, "adapter", model.workspace, adapter, field, limits); !ok) return ok;
  if (const auto taken = world.adapter_models.find({model.workspace, adapter}); taken != world.adapter_models.end())
    return conflict("adapter " + model.workspace + "/" + adapter + " exists already, of model " + taken->second, field);
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
  if (const JobState* job = claiming_job(world, model.workspace, create.adapter, "lora"))
    return conflict("adapter " + model.workspace + "/" + create.adapter + " will be made by job " + reference_to(*job), "data.adapter");
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  const auto fileset = filled_fileset(world, create.fileset, model.workspace, "data.fileset");
  if (!fileset) return fileset.error();
  if (!create.lora) return unchecked("data.lora");
  if (auto ok = check_lora(*create.lora); !ok) return ok.error();
  AdapterCreated created;
  created.adapter = create.adapter;
  created.adapter_id = derive_entity_id("adapter", request.key);
  created.fileset = reference_to(**fileset);
  created.fileset_id = (*fileset)->id;
  created.fileset_version = (*fileset)->content_version;
  created.description = create.description;
  created.enabled = create.enabled;
  created.lora = *create.lora;
  return Facts{fact_of(model, created)};
}

Decision decide(const World& world, const Request& request, const UpdateAdapter& update, const Limits& limits) {
  const auto found = adapter_of(world, request, update.adapter);
  if (!found) return found.error();
  const AdapterState& now = *found->adapter;
  const AdapterUpdated before{now.name, now.fileset, now.fileset_id, now.description, now.fileset_version, now.lora};
  AdapterUpdated updated = before;
  updated.description = update.description.value_or(now.description);
  if (auto ok = check_description(updated.description, limits); !ok) return ok.error();
  if (auto ok = change_content(world, update, found->model->workspace, updated); !ok) return ok.error();
  if (updated == before) return Facts{};
  return Facts{fact_of(*found->model, updated)};
}

Decision decide(const World& world, const Request& request, const EnableAdapter& enable, const Limits&) {
  return switched<AdapterEnabled>(world, request, enable.adapter, true);
}

Decision decide(const World& world, const Request& request, const DisableAdapter& disable, const Limits&) {
  return switched<AdapterDisabled>(world, request, disable.adapter, false);
}

Decision decide(const World& world, const Request& request, const DeleteAdapter& remove, const Limits&) {
  const auto found = adapter_of(world, request, remove.adapter);
  if (!found) return found.error();
  return Facts{fact_of(*found->model, AdapterDeleted{remove.adapter})};
}

}  // namespace luthier::events
