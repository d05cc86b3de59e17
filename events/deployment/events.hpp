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
  bool waits = false;  // the model may still be missing, or not be described yet: the deployment waits for it
  JsonText details = {};    // an object or null: what its users keep with it; no rule looks at it
  static constexpr auto fields() {
    return field_list(field("model", &CreateDeployment::model),
                      field_or_default("description", &CreateDeployment::description),
                      field_or_default("lora_enabled", &CreateDeployment::lora_enabled),
                      field_or_default("waits", &CreateDeployment::waits),
                      field_or_default("details", &CreateDeployment::details));
  }
};
struct UpdateDeployment {
  static constexpr std::string_view type = "UpdateDeployment";
  std::optional<std::string> description;
  std::optional<bool> lora_enabled;
  std::optional<JsonText> details = {};  // a merge patch (RFC 7396)
  static constexpr auto fields() {
    return field_list(field_or_default("description", &UpdateDeployment::description),
                      field_or_default("lora_enabled", &UpdateDeployment::lora_enabled),
                      field_or_default("details", &UpdateDeployment::details));
  }
};
struct DeleteDeployment {
  static constexpr std::string_view type = "DeleteDeployment";
  bool lingers = false;  // without a process too it is deleted only when a client has said DELETED
  static constexpr auto fields() { return field_list(field_or_default("lingers", &DeleteDeployment::lingers)); }
};
// By hand: a client moves the deployment, and the reconciler leaves it alone from then on.
struct SetDeploymentStatus {
  static constexpr std::string_view type = "SetDeploymentStatus";
  std::string status;    // "CREATED", "PENDING", "READY", "ERROR", "UNKNOWN", "LOST", "DELETING", "DELETED"
  std::string message;
  std::optional<std::string> provider;  // "ws/name"
  static constexpr auto fields() {
    return field_list(field("status", &SetDeploymentStatus::status), field_or_default("message", &SetDeploymentStatus::message),
                      field_or_default("provider", &SetDeploymentStatus::provider));
  }
};
// The reconciler's: the model that a deployment has waited for is there.
struct ResolveDeployment {
  static constexpr std::string_view type = "ResolveDeployment";
  static constexpr auto fields() { return field_list(); }
};
// Another version of it: another model, or other settings. What serves now ends, and the new version is placed as a new attempt.
struct ReviseDeployment {
  static constexpr std::string_view type = "ReviseDeployment";
  std::string model;  // may still be missing, as with CreateDeployment::waits
  bool lora_enabled = true;
  std::optional<JsonText> details = {};  // a merge patch (RFC 7396)
  static constexpr auto fields() {
    return field_list(field("model", &ReviseDeployment::model), field_or_default("lora_enabled", &ReviseDeployment::lora_enabled),
                      field_or_default("details", &ReviseDeployment::details));
  }
};
// The reconciler's: why it is not placed, or that it cannot ever be.
struct PostponeDeployment {
  static constexpr std::string_view type = "PostponeDeployment";
  std::string reason;
  bool gives_up = false;
  static constexpr auto fields() {
    return field_list(field("reason", &PostponeDeployment::reason), field_or_default("gives_up", &PostponeDeployment::gives_up));
  }
};
// The reconciler's.
struct PlaceDeployment {
  static constexpr std::string_view type = "PlaceDeployment";
  std::int64_t attempt = 0;
  std::string worker, incarnation, device;
  static constexpr auto fields() {
    return field_list(field("attempt", &PlaceDeployment::attempt), field("worker", &PlaceDeployment::worker),
                      field("incarnation", &PlaceDeployment::incarnation), field("device", &PlaceDeployment::device));
  }
};
struct RequestAdapterLoad {
  static constexpr std::string_view type = "RequestAdapterLoad";
  std::int64_t attempt = 0;
  std::string adapter;  // the served name, "<workspace>--<adapter>"
  std::string key;      // which content: "<fileset id>@<version>"
  static constexpr auto fields() {
    return field_list(field("attempt", &RequestAdapterLoad::attempt), field("adapter", &RequestAdapterLoad::adapter),
                      field("key", &RequestAdapterLoad::key));
  }
};
struct RequestAdapterUnload {
  static constexpr std::string_view type = "RequestAdapterUnload";
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return field_list(field("attempt", &RequestAdapterUnload::attempt), field("adapter", &RequestAdapterUnload::adapter));
  }
};
// The worker's reports.
struct ReportReady {
  static constexpr std::string_view type = "ReportReady";
  std::int64_t attempt = 0;
  std::string endpoint;  // "http://127.0.0.1:41234"
  static constexpr auto fields() {
    return field_list(field("attempt", &ReportReady::attempt), field("endpoint", &ReportReady::endpoint));
  }
};
struct FailDeployment {  // also the lease watcher's
  static constexpr std::string_view type = "FailDeployment";
  std::int64_t attempt = 0;
  std::string outcome, reason;  // "failed", "crashed", "lost", "stopped"
  bool retryable = false;
  static constexpr auto fields() {
    return field_list(field("attempt", &FailDeployment::attempt), field("outcome", &FailDeployment::outcome),
                      field("reason", &FailDeployment::reason), field("retryable", &FailDeployment::retryable));
  }
};
struct ConfirmUndeployed {  // the process is gone
  static constexpr std::string_view type = "ConfirmUndeployed";
  std::int64_t attempt = 0;
  static constexpr auto fields() { return field_list(field("attempt", &ConfirmUndeployed::attempt)); }
};
struct ConfirmAdapterLoaded {
  static constexpr std::string_view type = "ConfirmAdapterLoaded";
  std::int64_t attempt = 0;
  std::string adapter, key;
  static constexpr auto fields() {
    return field_list(field("attempt", &ConfirmAdapterLoaded::attempt), field("adapter", &ConfirmAdapterLoaded::adapter),
                      field("key", &ConfirmAdapterLoaded::key));
  }
};
struct FailAdapterLoad {
  static constexpr std::string_view type = "FailAdapterLoad";
  std::int64_t attempt = 0;
  std::string adapter, key, reason;
  static constexpr auto fields() {
    return field_list(field("attempt", &FailAdapterLoad::attempt), field("adapter", &FailAdapterLoad::adapter),
                      field("key", &FailAdapterLoad::key), field("reason", &FailAdapterLoad::reason));
  }
};
struct ConfirmAdapterUnloaded {
  static constexpr std::string_view type = "ConfirmAdapterUnloaded";
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return field_list(field("attempt", &ConfirmAdapterUnloaded::attempt),
                      field("adapter", &ConfirmAdapterUnloaded::adapter));
  }
};

struct DeploymentCreated {
  static constexpr EventType type{"DeploymentCreated", 1};
  std::string model, model_id, description;
  bool lora_enabled = true;
  static constexpr auto fields() {
    return field_list(field("model", &DeploymentCreated::model), field("model_id", &DeploymentCreated::model_id),
                      field("description", &DeploymentCreated::description),
                      field("lora_enabled", &DeploymentCreated::lora_enabled));
  }
};
struct DeploymentDetailsSet {
  static constexpr EventType type{"DeploymentDetailsSet", 1};
  JsonText details = {};  // an object
  static constexpr auto fields() { return field_list(field("details", &DeploymentDetailsSet::details)); }
};
struct DeploymentStatusSet {
  static constexpr EventType type{"DeploymentStatusSet", 1};
  std::string status, message;
  std::optional<std::string> provider;
  static constexpr auto fields() {
    return field_list(field("status", &DeploymentStatusSet::status), field("message", &DeploymentStatusSet::message),
                      field("provider", &DeploymentStatusSet::provider));
  }
};
struct DeploymentResolved {
  static constexpr EventType type{"DeploymentResolved", 1};
  std::string model_id;
  static constexpr auto fields() { return field_list(field("model_id", &DeploymentResolved::model_id)); }
};
struct DeploymentRevised {  // it is to be placed, as what it is now
  static constexpr EventType type{"DeploymentRevised", 1};
  std::string model, model_id;
  bool lora_enabled = true;
  static constexpr auto fields() {
    return field_list(field("model", &DeploymentRevised::model), field("model_id", &DeploymentRevised::model_id),
                      field("lora_enabled", &DeploymentRevised::lora_enabled));
  }
};
struct DeploymentPostponed {
  static constexpr EventType type{"DeploymentPostponed", 1};
  std::string reason;  // what it waits for
  static constexpr auto fields() { return field_list(field("reason", &DeploymentPostponed::reason)); }
};
struct DeploymentUpdated {
  static constexpr EventType type{"DeploymentUpdated", 1};
  std::string description;
  bool lora_enabled = true;
  static constexpr auto fields() {
    return field_list(field("description", &DeploymentUpdated::description),
                      field("lora_enabled", &DeploymentUpdated::lora_enabled));
  }
};
struct DeploymentPlaced {
  static constexpr EventType type{"DeploymentPlaced", 1};
  std::int64_t attempt = 0;
  std::string worker, incarnation, device;
  static constexpr auto fields() {
    return field_list(field("attempt", &DeploymentPlaced::attempt), field("worker", &DeploymentPlaced::worker),
                      field("incarnation", &DeploymentPlaced::incarnation), field("device", &DeploymentPlaced::device));
  }
};
struct DeploymentReady {
  static constexpr EventType type{"DeploymentReady", 1};
  std::int64_t attempt = 0;
  std::string endpoint;
  static constexpr auto fields() {
    return field_list(field("attempt", &DeploymentReady::attempt), field("endpoint", &DeploymentReady::endpoint));
  }
};
struct DeploymentAttemptEnded {  // it will be placed again
  static constexpr EventType type{"DeploymentAttemptEnded", 1};
  std::int64_t attempt = 0;
  std::string outcome, reason;
  static constexpr auto fields() {
    return field_list(field("attempt", &DeploymentAttemptEnded::attempt),
                      field("outcome", &DeploymentAttemptEnded::outcome), field("reason", &DeploymentAttemptEnded::reason));
  }
};
struct DeploymentFailed {
  static constexpr EventType type{"DeploymentFailed", 1};
  std::int64_t attempt = 0;
  std::string outcome, reason;
  static constexpr auto fields() {
    return field_list(field("attempt", &DeploymentFailed::attempt), field("outcome", &DeploymentFailed::outcome),
                      field("reason", &DeploymentFailed::reason));
  }
};
struct DeploymentDeleteRequested {
  static constexpr EventType type{"DeploymentDeleteRequested", 1};
  static constexpr auto fields() { return field_list(); }
};
struct DeploymentDeleted {
  static constexpr EventType type{"DeploymentDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};
struct AdapterLoadRequested {
  static constexpr EventType type{"AdapterLoadRequested", 1};
  std::int64_t attempt = 0;
  std::string adapter, key;
  static constexpr auto fields() {
    return field_list(field("attempt", &AdapterLoadRequested::attempt), field("adapter", &AdapterLoadRequested::adapter),
                      field("key", &AdapterLoadRequested::key));
  }
};
struct AdapterLoaded {
  static constexpr EventType type{"AdapterLoaded", 1};
  std::int64_t attempt = 0;
  std::string adapter, key;
  static constexpr auto fields() {
    return field_list(field("attempt", &AdapterLoaded::attempt), field("adapter", &AdapterLoaded::adapter),
                      field("key", &AdapterLoaded::key));
  }
};
struct AdapterLoadFailed {
  static constexpr EventType type{"AdapterLoadFailed", 1};
  std::int64_t attempt = 0;
  std::string adapter, key, reason;
  static constexpr auto fields() {
    return field_list(field("attempt", &AdapterLoadFailed::attempt), field("adapter", &AdapterLoadFailed::adapter),
                      field("key", &AdapterLoadFailed::key), field("reason", &AdapterLoadFailed::reason));
  }
};
struct AdapterUnloadRequested {
  static constexpr EventType type{"AdapterUnloadRequested", 1};
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return field_list(field("attempt", &AdapterUnloadRequested::attempt),
                      field("adapter", &AdapterUnloadRequested::adapter));
  }
};
struct AdapterUnloaded {
  static constexpr EventType type{"AdapterUnloaded", 1};
  std::int64_t attempt = 0;
  std::string adapter;
  static constexpr auto fields() {
    return field_list(field("attempt", &AdapterUnloaded::attempt), field("adapter", &AdapterUnloaded::adapter));
  }
};

}  // namespace luthier::events
