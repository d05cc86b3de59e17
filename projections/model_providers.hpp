// Who serves a model now: deployments that are ready, and providers elsewhere that say so. Kept beside the rows of models, in the same
// table, so that a model's document can name them.
#pragma once

#include <string>
#include <string_view>

#include "events/log/event_log.hpp"
#include "events/world/command.hpp"
#include "projections/table.hpp"

namespace luthier::projections {

// The part of the models' fold that listens to deployments and to records of kind provider.
void follow_providers(Table& table, const log::Record& record, const events::Event& event);

// ["default/serve"]: providers are called like the deployments that they come from.
std::string providers_of(const TableView& table, const std::string& workspace, const std::string& model);

}  // namespace luthier::projections
