#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct WorkerRow : RowHead {
  std::string status;  // "present", "draining" or "lost"
  bool draining = false;
  std::string incarnation, host, engine_version;
  std::vector<Device> devices;
  std::string joined_at;
  std::optional<std::string> lost_at;
  std::string reason;  // of the loss
  static constexpr auto fields() {
    return row_fields(field("status", &WorkerRow::status),
                      field("draining", &WorkerRow::draining),
                      field("incarnation", &WorkerRow::incarnation),
                      field("host", &WorkerRow::host),
                      field("engine_version", &WorkerRow::engine_version),
                      field("devices", &WorkerRow::devices),
                      field("joined_at", &WorkerRow::joined_at),
                      field("lost_at", &WorkerRow::lost_at),
                      field("reason", &WorkerRow::reason));
  }
};

class WorkerFold : public Fold<WorkerRow> {
 public:
  static constexpr std::string_view entity = "worker";
  template <class Fact>
  static constexpr bool follows = false;

  WorkerFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const WorkerJoined& joined) {
    WorkerRow row = read<WorkerRow>(key_).value_or(created());
    row.draining = row.draining && row.incarnation == joined.incarnation;
    row.status = row.draining ? "draining" : "present";
    row.incarnation = joined.incarnation;
    row.host = joined.host;
    row.engine_version = joined.engine_version;
    row.devices = joined.devices;
    row.joined_at = time_;
    row.lost_at.reset();
    row.reason.clear();
    put(std::move(row));
  }

  void on(const WorkerDraining&) {
    change([](WorkerRow& row) {
      row.draining = true;
      row.status = "draining";
    });
  }

  void on(const WorkerLost& lost) {
    change([&](WorkerRow& row) {
      row.status = "lost";
      row.lost_at = time_;
      row.reason = lost.reason;
    });
  }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(WorkerFold(table, record), event); }

}  // namespace

const Projection workers{"workers", 1, {"worker"}, &apply, &as_it_is};

}  // namespace luthier::projections
