#include <algorithm>

#include "events/job/attempt.hpp"
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

constexpr std::size_t status_history_max = 100, versions_max = 100;

struct ServedAdapterRow {
  std::string name, key;  // "default--capitals", "<fileset id>@<version>"
  std::string status;     // "loading", "loaded", "failed", "unloading"
  std::string reason;
  static constexpr auto fields() {
    return field_list(field("name", &ServedAdapterRow::name), field("key", &ServedAdapterRow::key),
                      field("status", &ServedAdapterRow::status), field("reason", &ServedAdapterRow::reason));
  }
};

struct StatusRow {
  std::string timestamp, status, status_message;
  static constexpr auto fields() {
    return field_list(field("timestamp", &StatusRow::timestamp), field("status", &StatusRow::status),
                      field("status_message", &StatusRow::status_message));
  }
};

struct VersionRow {  // one that another has replaced
  std::int64_t number = 1;
  std::string model, created_at, replaced_at;
  bool lora_enabled = true;
  JsonText details;
  static constexpr auto fields() {
    return field_list(field("number", &VersionRow::number), field("model", &VersionRow::model), field("created_at", &VersionRow::created_at),
                      field("replaced_at", &VersionRow::replaced_at), field("lora_enabled", &VersionRow::lora_enabled),
                      field("details", &VersionRow::details));
  }
};

struct DeploymentRow : RowHead {
  std::string description, model;
  bool lora_enabled = true;
  JsonText details{"{}"};
  std::optional<std::string> provider;  // "ws/name", as a client has said it
  std::string status, status_message;  // "CREATED", "PENDING", "READY", "ERROR", "DELETING"
  std::string reason;                  // why the last attempt has ended, until another is ready
  std::int64_t attempt = 0, attempts_failed = 0;  // in a row
  std::optional<std::string> worker, device, endpoint;
  std::vector<ServedAdapterRow> adapters;  // by name
  std::vector<StatusRow> status_history;   // the last ones; the present one is at the end
  std::optional<std::string> ready_since;  // when it was ready for the first time, with whatever version
  std::int64_t number = 1;                 // of the present version
  std::optional<std::string> revised_at;   // when it became the present one; none: with the deployment
  std::vector<VersionRow> versions;        // those before it, the last ones
  static constexpr auto fields() {
    return row_fields(field("description", &DeploymentRow::description),
                      field("model", &DeploymentRow::model),
                      field("lora_enabled", &DeploymentRow::lora_enabled),
                      field("details", &DeploymentRow::details),
                      field("provider", &DeploymentRow::provider),
                      field("status", &DeploymentRow::status),
                      field("status_message", &DeploymentRow::status_message),
                      field("reason", &DeploymentRow::reason),
                      field("attempt", &DeploymentRow::attempt),
                      field("attempts_failed", &DeploymentRow::attempts_failed),
                      field("worker", &DeploymentRow::worker),
                      field("device", &DeploymentRow::device),
                      field("endpoint", &DeploymentRow::endpoint),
                      field("adapters", &DeploymentRow::adapters),
                      field("status_history", &DeploymentRow::status_history),
                      field("ready_since", &DeploymentRow::ready_since),
                      field("number", &DeploymentRow::number),
                      field("revised_at", &DeploymentRow::revised_at),
                      field("versions", &DeploymentRow::versions));
  }
};

class DeploymentFold : public Fold<DeploymentRow> {
 public:
  static constexpr std::string_view entity = "deployment";
  template <class Fact>
  static constexpr bool follows = false;

  DeploymentFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const DeploymentCreated& created) {
    DeploymentRow row = this->created();
    row.description = created.description;
    row.model = created.model;
    row.lora_enabled = created.lora_enabled;
    set_status(row, "CREATED", "Deployment created");
    put(std::move(row));
  }

  void on(const DeploymentDetailsSet& set) {
    change([&](DeploymentRow& row) { row.details = set.details; });
  }

  void on(const DeploymentStatusSet& set) {
    change([&](DeploymentRow& row) {
      if (set.provider) row.provider = set.provider;
      set_status(row, set.status, set.message);
    });
  }

  void on(const DeploymentResolved&) {
    change([](DeploymentRow&) {});
  }

  void on(const DeploymentRevised& revised) {
    change([&](DeploymentRow& row) {
      row.versions.push_back({row.number, row.model, row.revised_at.value_or(row.created_at), time_, row.lora_enabled, row.details});
      if (row.versions.size() > versions_max) row.versions.erase(row.versions.begin());
      ++row.number;
      row.revised_at = time_;
      row.model = revised.model;
      row.lora_enabled = revised.lora_enabled;
      row.attempts_failed = 0;
      row.reason.clear();
      set_status(row, "PENDING", "Deployment updated");
    });
  }

  void on(const DeploymentPostponed& postponed) {
    change([&](DeploymentRow& row) { set_status(row, "PENDING", postponed.reason); });
  }

  void on(const DeploymentUpdated& updated) {
    change([&](DeploymentRow& row) {
      row.description = updated.description;
      row.lora_enabled = updated.lora_enabled;
    });
  }

  void on(const DeploymentPlaced& placed) {
    change([&](DeploymentRow& row) {
      row.attempt = placed.attempt;
      row.worker = placed.worker;
      row.device = placed.device;
      set_status(row, "PENDING", "starting on device " + placed.device + " of worker " + placed.worker);
    });
  }

  void on(const DeploymentReady& ready) {
    change([&](DeploymentRow& row) {
      row.endpoint = ready.endpoint;
      row.attempts_failed = 0;
      row.reason.clear();
      if (!row.ready_since) row.ready_since = time_;
      set_status(row, "READY", "serving");
    });
  }

  void on(const DeploymentAttemptEnded& ended) {
    change([&](DeploymentRow& row) { leave(row, "PENDING", ended.outcome, ended.reason); });
  }

  void on(const DeploymentFailed& failed) {
    change([&](DeploymentRow& row) { leave(row, "ERROR", failed.outcome, failed.reason); });
  }

  void on(const DeploymentDeleteRequested&) {
    change([&](DeploymentRow& row) { set_status(row, "DELETING", "waiting until its process is gone"); });
  }

  void on(const DeploymentDeleted&) { erase(); }

  void on(const AdapterLoadRequested& requested) { set_adapter({requested.adapter, requested.key, "loading", ""}); }
  void on(const AdapterLoaded& loaded) { set_adapter({loaded.adapter, loaded.key, "loaded", ""}); }
  void on(const AdapterLoadFailed& failed) { set_adapter({failed.adapter, failed.key, "failed", failed.reason}); }

  void on(const AdapterUnloadRequested& requested) {
    change([&](DeploymentRow& row) {
      for (ServedAdapterRow& adapter : row.adapters)
        if (adapter.name == requested.adapter) adapter.status = "unloading";
    });
  }

  void on(const AdapterUnloaded& unloaded) {
    change([&](DeploymentRow& row) {
      std::erase_if(row.adapters, [&](const auto& adapter) { return adapter.name == unloaded.adapter; });
    });
  }

 private:
  void set_status(DeploymentRow& row, const std::string& status, const std::string& message) {
    if (row.status == status && row.status_message == message) return;
    row.status = status;
    row.status_message = message;
    row.status_history.push_back({time_, status, message});
    if (row.status_history.size() > status_history_max) row.status_history.erase(row.status_history.begin());
  }

  // What an attempt has loaded ends with it.
  void leave(DeploymentRow& row, const std::string& status, const std::string& outcome, const std::string& reason) {
    if (counts_as_failure(outcome)) ++row.attempts_failed;
    row.reason = reason;
    row.endpoint.reset();
    row.worker.reset();
    row.device.reset();
    row.adapters.clear();
    set_status(row, status, outcome + ": " + reason);
  }

  void set_adapter(ServedAdapterRow adapter) {
    change([&](DeploymentRow& row) {
      const auto place = std::lower_bound(row.adapters.begin(), row.adapters.end(), adapter,
                                          [](const auto& a, const auto& b) { return a.name < b.name; });
      if (place != row.adapters.end() && place->name == adapter.name)
        *place = std::move(adapter);
      else
        row.adapters.insert(place, std::move(adapter));
    });
  }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(DeploymentFold(table, record), event); }

}  // namespace

const Projection deployments{"deployments", 3, {"deployment"}, &apply, &as_it_is};

}  // namespace luthier::projections
