// A deployment: the wish that a model be served, with its enabled adapters. One serving process at a time; each placing is
// an attempt with a number, and what an attempt has loaded ends with it.
#pragma once

#include <cstdint>
#include <optional>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct CreateDeployment {
  static constexpr std::string_view type = "CreateDeployment";
  std::string model, description;
  bool lora_enabled = true;
  static constexpr auto fields() {
    return std::tuple{field("model", &CreateDeployment::model),
                      field_or_default("description", &CreateDeployment::description),
                      field_or_default("lora_enabled", &CreateDeployment::lora_enabled)};
  }
};
struct UpdateDeployment {
  static constexpr std::string_view type = "UpdateDeployment";
  std::optional<std::string> description;
  std::optional<bool> lora_enabled;
  static constexpr auto fields() {
    return std::tuple{field_or_default("description", &UpdateDeployment::description),
                      field_or_default("lora_enabled", &UpdateDeployment::lora_enabled)};
  }
};
struct DeleteDeployment {
  static constexpr std::string_view type = "DeleteDeployment";
  static constexpr auto fields() { return std::tuple{}; }
};
// The reconciler's.
struct PlaceDeployment {
  static constexpr std::string_view type = "PlaceDeployment";
  std::int64_t attempt = 0;
  std::string worker, incarnation, device;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &PlaceDeployment::attempt), field("worker", &PlaceDeployment::worker),
                      field("incarnation", &PlaceDeployment::incarnation), field("device", &PlaceDeployment::device)};
  }
};
struct RequestAdapterLoad {
  static constexpr std::string_view type = "RequestAdapterLoad";
  std::int64_t attempt = 0;
  std::string adapter;  // the served name, "<workspace>--<adapter>"
  std::string key;      // which content: "<fileset id>@<version>"
  static constexpr auto fields() {
    return std::tuple{field("attempt", &RequestAdapterLoad::attempt), field("adapter", &RequestAdapterLoad::adapter),
                      field("key", &RequestAdapterLoad::key)};
  }
};
struct RequestAdapterUnload {
  static constexpr std::string_view type = "RequestAdapterUnload";
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &RequestAdapterUnload::attempt), field("adapter", &RequestAdapterUnload::adapter)};
  }
};
// The worker's reports.
struct ReportReady {
  static constexpr std::string_view type = "ReportReady";
  std::int64_t attempt = 0;
  std::string endpoint;  // "http://127.0.0.1:41234"
  static constexpr auto fields() {
    return std::tuple{field("attempt", &ReportReady::attempt), field("endpoint", &ReportReady::endpoint)};
  }
};
struct FailDeployment {  // also the lease watcher's
  static constexpr std::string_view type = "FailDeployment";
  std::int64_t attempt = 0;
  std::string outcome, reason;  // "failed", "crashed", "lost", "stopped"
  bool retryable = false;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &FailDeployment::attempt), field("outcome", &FailDeployment::outcome),
                      field("reason", &FailDeployment::reason), field("retryable", &FailDeployment::retryable)};
  }
};
struct ConfirmUndeployed {  // the process is gone
  static constexpr std::string_view type = "ConfirmUndeployed";
  std::int64_t attempt = 0;
  static constexpr auto fields() { return std::tuple{field("attempt", &ConfirmUndeployed::attempt)}; }
};
struct ConfirmAdapterLoaded {
  static constexpr std::string_view type = "ConfirmAdapterLoaded";
  std::int64_t attempt = 0;
  std::string adapter, key;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &ConfirmAdapterLoaded::attempt), field("adapter", &ConfirmAdapterLoaded::adapter),
                      field("key", &ConfirmAdapterLoaded::key)};
  }
};
struct FailAdapterLoad {
  static constexpr std::string_view type = "FailAdapterLoad";
  std::int64_t attempt = 0;
  std::string adapter, key, reason;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &FailAdapterLoad::attempt), field("adapter", &FailAdapterLoad::adapter),
                      field("key", &FailAdapterLoad::key), field("reason", &FailAdapterLoad::reason)};
  }
};
struct ConfirmAdapterUnloaded {
  static constexpr std::string_view type = "ConfirmAdapterUnloaded";
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &ConfirmAdapterUnloaded::attempt),
                      field("adapter", &ConfirmAdapterUnloaded::adapter)};
  }
};

struct DeploymentCreated {
  static constexpr EventType type{"DeploymentCreated", 1};
  std::string model, model_id, description;
  bool lora_enabled = true;
  static constexpr auto fields() {
    return std::tuple{field("model", &DeploymentCreated::model), field("model_id", &DeploymentCreated::model_id),
                      field("description", &DeploymentCreated::description),
                      field("lora_enabled", &DeploymentCreated::lora_enabled)};
  }
};
struct DeploymentUpdated {
  static constexpr EventType type{"DeploymentUpdated", 1};
  std::string description;
  bool lora_enabled = true;
  static constexpr auto fields() {
    return std::tuple{field("description", &DeploymentUpdated::description),
                      field("lora_enabled", &DeploymentUpdated::lora_enabled)};
  }
};
struct DeploymentPlaced {
  static constexpr EventType type{"DeploymentPlaced", 1};
  std::int64_t attempt = 0;
  std::string worker, incarnation, device;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &DeploymentPlaced::attempt), field("worker", &DeploymentPlaced::worker),
                      field("incarnation", &DeploymentPlaced::incarnation), field("device", &DeploymentPlaced::device)};
  }
};
struct DeploymentReady {
  static constexpr EventType type{"DeploymentReady", 1};
  std::int64_t attempt = 0;
  std::string endpoint;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &DeploymentReady::attempt), field("endpoint", &DeploymentReady::endpoint)};
  }
};
struct DeploymentAttemptEnded {  // it will be placed again
  static constexpr EventType type{"DeploymentAttemptEnded", 1};
  std::int64_t attempt = 0;
  std::string outcome, reason;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &DeploymentAttemptEnded::attempt),
                      field("outcome", &DeploymentAttemptEnded::outcome), field("reason", &DeploymentAttemptEnded::reason)};
  }
};
struct DeploymentFailed {
  static constexpr EventType type{"DeploymentFailed", 1};
  std::int64_t attempt = 0;
  std::string outcome, reason;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &DeploymentFailed::attempt), field("outcome", &DeploymentFailed::outcome),
                      field("reason", &DeploymentFailed::reason)};
  }
};
struct DeploymentDeleteRequested {
  static constexpr EventType type{"DeploymentDeleteRequested", 1};
  static constexpr auto fields() { return std::tuple{}; }
};
struct DeploymentDeleted {
  static constexpr EventType type{"DeploymentDeleted", 1};
  static constexpr auto fields() { return std::tuple{}; }
};
struct AdapterLoadRequested {
  static constexpr EventType type{"AdapterLoadRequested", 1};
  std::int64_t attempt = 0;
  std::string adapter, key;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &AdapterLoadRequested::attempt), field("adapter", &AdapterLoadRequested::adapter),
                      field("key", &AdapterLoadRequested::key)};
  }
};
struct AdapterLoaded {
  static constexpr EventType type{"AdapterLoaded", 1};
  std::int64_t attempt = 0;
  std::string adapter, key;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &AdapterLoaded::attempt), field("adapter", &AdapterLoaded::adapter),
                      field("key", &AdapterLoaded::key)};
  }
};
struct AdapterLoadFailed {
  static constexpr EventType type{"AdapterLoadFailed", 1};
  std::int64_t attempt = 0;
  std::string adapter, key, reason;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &AdapterLoadFailed::attempt), field("adapter", &AdapterLoadFailed::adapter),
                      field("key", &AdapterLoadFailed::key), field("reason", &AdapterLoadFailed::reason)};
  }
};
struct AdapterUnloadRequested {
  static constexpr EventType type{"AdapterUnloadRequested", 1};
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &AdapterUnloadRequested::attempt),
                      field("adapter", &AdapterUnloadRequested::adapter)};
  }
};
struct AdapterUnloaded {
  static constexpr EventType type{"AdapterUnloaded", 1};
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return std::tuple{field("attempt", &AdapterUnloaded::attempt), field("adapter", &AdapterUnloaded::adapter)};
  }
};

}  // namespace luthier::events
