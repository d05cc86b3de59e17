#include "projections/projection.hpp"

#include <algorithm>
#include <array>

namespace luthier::projections {

std::span<const Projection> all_projections() {
  static const std::array all{workspaces, filesets, models, jobs, deployments, workers, secrets, records, platform_jobs};
  return all;
}

int projection_of(std::string_view entity) {
  const auto all = all_projections();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Projection& projection) {
    return std::find(projection.entities.begin(), projection.entities.end(), entity) != projection.entities.end();
  });
  return found == all.end() ? -1 : static_cast<int>(found - all.begin());
}

}  // namespace luthier::projections
