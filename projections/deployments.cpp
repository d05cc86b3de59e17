#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

void set_adapter(Rows& rows, const std::string& name, const std::string& key, const std::string& status, const std::string& reason) {
  rows.change([&](Row& row) {
    const Row adapter{{"name", name}, {"key", key}, {"status", status}, {"reason", reason}};
    for (auto& each : row["adapters"])
      if (each["name"] == name) return each = adapter, void();
    row["adapters"].push_back(adapter);
  });
}

void end_attempt(Row& row, const std::string& status, const std::string& reason) {
  row["status"] = status;
  row["reason"] = reason;
  row["endpoint"] = nullptr;
  row["adapters"] = Row::array();
}

}  // namespace

void fold(Rows& rows, const DeploymentCreated& event) {
  rows.create({{"status", "CREATED"}, {"description", event.description}, {"model", event.model}, {"lora_enabled", event.lora_enabled},
               {"attempt", 0}, {"worker", nullptr}, {"device", nullptr}, {"endpoint", nullptr}, {"reason", ""}, {"adapters", Row::array()}});
}

void fold(Rows& rows, const DeploymentUpdated& event) {
  rows.change([&](Row& row) {
    row["description"] = event.description;
    row["lora_enabled"] = event.lora_enabled;
  });
}

void fold(Rows& rows, const DeploymentPlaced& event) {
  rows.change([&](Row& row) {
    row["status"] = "PENDING";
    row["attempt"] = event.attempt;
    row["worker"] = event.worker;
    row["device"] = event.device;
  });
}

void fold(Rows& rows, const DeploymentReady& event) {
  rows.change([&](Row& row) {
    row["status"] = "READY";
    row["endpoint"] = event.endpoint;
    row["reason"] = "";
  });
}

void fold(Rows& rows, const DeploymentAttemptEnded& event) {
  rows.change([&](Row& row) { end_attempt(row, "PENDING", event.reason); });
}

void fold(Rows& rows, const DeploymentFailed& event) {
  rows.change([&](Row& row) { end_attempt(row, "ERROR", event.reason); });
}

void fold(Rows& rows, const DeploymentDeleteRequested&) {
  rows.change([](Row& row) { row["status"] = "DELETING"; });
}

void fold(Rows& rows, const DeploymentDeleted&) { rows.erase(); }

void fold(Rows& rows, const AdapterLoadRequested& event) { set_adapter(rows, event.adapter, event.key, "loading", ""); }
void fold(Rows& rows, const AdapterLoaded& event) { set_adapter(rows, event.adapter, event.key, "loaded", ""); }
void fold(Rows& rows, const AdapterLoadFailed& event) { set_adapter(rows, event.adapter, event.key, "failed", event.reason); }

void fold(Rows& rows, const AdapterUnloadRequested& event) {
  rows.change([&](Row& row) {
    for (auto& each : row["adapters"])
      if (each["name"] == event.adapter) each["status"] = "unloading";
  });
}

void fold(Rows& rows, const AdapterUnloaded& event) {
  rows.change([&](Row& row) {
    auto& adapters = row["adapters"];
    for (std::size_t i = 0; i < adapters.size(); ++i)
      if (adapters[i]["name"] == event.adapter) return adapters.erase(i), void();
  });
}

}  // namespace luthier::projections
