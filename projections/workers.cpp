#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

Row devices_row(const std::vector<Device>& devices) {
  Row rows = Row::array();
  for (const auto& device : devices)
    rows.push_back({{"id", device.id}, {"kind", device.kind}, {"model", device.model}, {"instruction_set", device.instruction_set},
                    {"memory_bytes", device.memory_bytes}, {"cores", device.cores}});
  return rows;
}

}  // namespace

void fold(Rows& rows, const WorkerJoined& event) {
  const Row members{{"status", "present"}, {"incarnation", event.incarnation}, {"host", event.host},
                    {"engine_version", event.engine_version}, {"devices", devices_row(event.devices)}, {"reason", ""}};
  if (!rows.get("worker", rows.record().name)) return rows.create(members);
  rows.change([&](Row& row) { row.update(members); });
}

void fold(Rows& rows, const WorkerDraining&) {
  rows.change([](Row& row) { row["status"] = "draining"; });
}

void fold(Rows& rows, const WorkerLost& event) {
  rows.change([&](Row& row) {
    row["status"] = "lost";
    row["reason"] = event.reason;
  });
}

}  // namespace luthier::projections
