// What a projection is: a name, the number of its format, and a pure fold of events into a table of rows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/log/event_log.hpp"
#include "events/world/command.hpp"
#include "projections/table.hpp"

namespace luthier::projections {

struct RowName {
  std::string_view entity, workspace, name;
};

struct Projection {
  std::string_view name;
  int format;  // raised whenever the fold or its rows change: the projection is then folded again
  std::vector<std::string_view> entities;  // whose rows it has
  void (*apply)(Table& table, const log::Record& record, const events::Event& event);
  // The document of a row, with what is kept beside it.
  std::string (*document)(const TableView& table, const RowName& name, const std::string& row);
};

std::span<const Projection> all_projections();
// The place of the projection that has the entity's rows; -1: there is no such entity.
int projection_of(std::string_view entity);

// One file each.
extern const Projection workspaces, filesets, models, jobs, deployments, workers, secrets, records, platform_jobs;

}  // namespace luthier::projections
