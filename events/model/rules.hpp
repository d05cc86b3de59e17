#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateModel&, const Limits&);
Decision decide(const World&, const Request&, const UpdateModel&, const Limits&);
Decision decide(const World&, const Request&, const FillModelSpec&, const Limits&);
Decision decide(const World&, const Request&, const DeleteModel&, const Limits&);
Decision decide(const World&, const Request&, const CreateAdapter&, const Limits&);
Decision decide(const World&, const Request&, const UpdateAdapter&, const Limits&);
Decision decide(const World&, const Request&, const EnableAdapter&, const Limits&);
Decision decide(const World&, const Request&, const DisableAdapter&, const Limits&);
Decision decide(const World&, const Request&, const DeleteAdapter&, const Limits&);

void evolve(World&, const Fact&, const ModelCreated&);
void evolve(World&, const Fact&, const ModelUpdated&);
void evolve(World&, const Fact&, const ModelDetailsSet&);
void evolve(World&, const Fact&, const ModelSpecFilled&);
void evolve(World&, const Fact&, const ModelSpecFailed&);
void evolve(World&, const Fact&, const ModelDeleted&);
void evolve(World&, const Fact&, const AdapterCreated&);
void evolve(World&, const Fact&, const AdapterUpdated&);
void evolve(World&, const Fact&, const AdapterEnabled&);
void evolve(World&, const Fact&, const AdapterDisabled&);
void evolve(World&, const Fact&, const AdapterDeleted&);

// What needs the model as it is: a deployment that serves it, or a job that has not ended; empty when nothing does.
std::string user_of_model(const World& world, const std::string& model_id);

Result<void> check_lora(const LoraShape& lora);
// A well-formed adapter name (or "workspace/name") that is free in its workspace, for a model that has room for one more.
Result<void> check_new_adapter(const World& world, const ModelState& model, const std::string& adapter,
                               const std::string& field, const Limits& limits);

}  // namespace luthier::events
