#include "events/model/rules.hpp"

namespace luthier::events {
namespace {

AdapterState& adapter_in(World& world, const Fact& fact, const std::string& adapter) {
  ModelState& model = subject(world.models, fact);
  const auto found = model.adapters.find(adapter);
  assert(found != model.adapters.end());
  return found->second;
}

}  // namespace

void evolve(World& world, const Fact& fact, const ModelCreated& created) {
  ModelState model;
  model.id = fact.stream.id;
  model.workspace = fact.workspace;
  model.name = fact.name;
  model.fileset = created.fileset;
  model.fileset_id = created.fileset_id;
  model.description = created.description;
  model.base_model = created.base_model;
  world.models[{fact.workspace, fact.name}] = std::move(model);
  count_new(world, "model", fact.workspace);
}

void evolve(World& world, const Fact& fact, const ModelUpdated& updated) {
  ModelState& model = subject(world.models, fact);
  if (model.fileset_id != updated.fileset_id) {
    model.spec = {};
    model.spec_error.clear();
    model.spec_fileset_version = 0;
  }
  model.fileset = updated.fileset;
  model.fileset_id = updated.fileset_id;
  model.description = updated.description;
}

void evolve(World& world, const Fact& fact, const ModelDetailsSet& set) { subject(world.models, fact).details = set.details; }

void evolve(World& world, const Fact& fact, const ModelSpecFilled& filled) {
  ModelState& model = subject(world.models, fact);
  model.spec = filled.spec;
  model.spec_error.clear();
  model.spec_fileset_version = filled.fileset_version;
}

void evolve(World& world, const Fact& fact, const ModelSpecFailed& failed) {
  ModelState& model = subject(world.models, fact);
  model.spec = {};
  model.spec_error = failed.error;
  model.spec_fileset_version = failed.fileset_version;
}

void evolve(World& world, const Fact& fact, const ModelDeleted&) {
  world.models.erase({fact.workspace, fact.name});
  count_gone(world, "model", fact.workspace);
}

void evolve(World& world, const Fact& fact, const AdapterCreated& created) {
  ModelState& model = subject(world.models, fact);
  const auto name = *parse_reference(created.adapter, fact.workspace);
  model.adapters[created.adapter] = {.id = created.adapter_id,
                                     .workspace = name.first,
                                     .name = name.second,
                                     .model_id = model.id,
                                     .fileset = created.fileset,
                                     .fileset_id = created.fileset_id,
                                     .description = created.description,
                                     .fileset_version = created.fileset_version,
                                     .enabled = created.enabled,
                                     .lora = created.lora};
  world.adapter_models[name] = short_reference({fact.workspace, fact.name}, name.first);
  count_new(world, "adapter", name.first);
}

void evolve(World& world, const Fact& fact, const AdapterUpdated& updated) {
  AdapterState& adapter = adapter_in(world, fact, updated.adapter);
  adapter.fileset = updated.fileset;
  adapter.fileset_id = updated.fileset_id;
  adapter.description = updated.description;
  adapter.fileset_version = updated.fileset_version;
  adapter.lora = updated.lora;
}

void evolve(World& world, const Fact& fact, const AdapterEnabled& enabled) {
  adapter_in(world, fact, enabled.adapter).enabled = true;
}

void evolve(World& world, const Fact& fact, const AdapterDisabled& disabled) {
  adapter_in(world, fact, disabled.adapter).enabled = false;
}

void evolve(World& world, const Fact& fact, const AdapterDeleted& deleted) {
  const auto name = *parse_reference(deleted.adapter, fact.workspace);
  subject(world.models, fact).adapters.erase(deleted.adapter);
  world.adapter_models.erase(name);
  count_gone(world, "adapter", name.first);
}

}  // namespace luthier::events
