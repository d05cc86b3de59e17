// A model entity and the adapters nested in it. An adapter's events are in the stream of its model; its name is unique in
// its workspace, because it is served as "<workspace>--<adapter>". Where a command or an event has an `adapter`, that is its name, or
// "workspace/name" when the adapter lives in another workspace than its model.
#pragma once

#include <cstdint>
#include <optional>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct LoraShape {
  std::int64_t rank = 0;
  double alpha = 0;
  static constexpr auto fields() { return field_list(field("rank", &LoraShape::rank), field("alpha", &LoraShape::alpha)); }
  bool operator==(const LoraShape&) const = default;
};

struct CreateModel {
  static constexpr std::string_view type = "CreateModel";
  std::string fileset;  // "ws/name" or a name of this workspace; empty: a model without files (served elsewhere)
  std::string description;
  std::string base_model;  // "ws/name" of the model that it was trained from; empty: none
  JsonText details = {};        // an object or null: what its users keep with it; no rule looks at it
  static constexpr auto fields() {
    return field_list(field("fileset", &CreateModel::fileset), field_or_default("description", &CreateModel::description),
                      field_or_default("base_model", &CreateModel::base_model), field_or_default("details", &CreateModel::details));
  }
};
struct UpdateModel {
  static constexpr std::string_view type = "UpdateModel";
  std::optional<std::string> fileset, description;
  std::optional<JsonText> details = {};  // a merge patch (RFC 7396)
  std::optional<JsonText> replace = {};  // members of the details that are replaced as a whole, after the patch; null takes one away
  static constexpr auto fields() {
    return field_list(field_or_default("fileset", &UpdateModel::fileset),
                      field_or_default("description", &UpdateModel::description),
                      field_or_default("details", &UpdateModel::details),
                      field_or_default("replace", &UpdateModel::replace));
  }
};
// From the inspector, which has read the checkpoint.
struct FillModelSpec {
  static constexpr std::string_view type = "FillModelSpec";
  std::string fileset_id;            // what was read;
  std::int64_t fileset_version = 0;  // another one by now makes the reading worthless
  JsonText spec;
  std::string error;  // why it could not be read; empty when it could
  static constexpr auto fields() {
    return field_list(field("fileset_id", &FillModelSpec::fileset_id),
                      field("fileset_version", &FillModelSpec::fileset_version),
                      field_or_default("spec", &FillModelSpec::spec), field_or_default("error", &FillModelSpec::error));
  }
};
struct DeleteModel {
  static constexpr std::string_view type = "DeleteModel";
  static constexpr auto fields() { return field_list(); }
};
struct CreateAdapter {
  static constexpr std::string_view type = "CreateAdapter";
  std::string adapter, fileset, description;
  bool enabled = true;
  // Read from adapter_config.json by the check; what a client says must agree. A model without a checkpoint has nothing to check
  // against: then it is what the client says, or unknown (rank 0).
  std::optional<LoraShape> lora;
  std::string finetuning_type = "lora";
  static constexpr auto fields() {
    return field_list(field("adapter", &CreateAdapter::adapter), field("fileset", &CreateAdapter::fileset),
                      field_or_default("description", &CreateAdapter::description),
                      field_or_default("enabled", &CreateAdapter::enabled), field_or_default("lora", &CreateAdapter::lora),
                      field_or_default("finetuning_type", &CreateAdapter::finetuning_type));
  }
};
struct UpdateAdapter {
  static constexpr std::string_view type = "UpdateAdapter";
  std::string adapter;
  std::optional<std::string> fileset, description;
  std::optional<LoraShape> lora;
  std::optional<bool> enabled = {};
  static constexpr auto fields() {
    return field_list(field("adapter", &UpdateAdapter::adapter), field_or_default("fileset", &UpdateAdapter::fileset),
                      field_or_default("description", &UpdateAdapter::description),
                      field_or_default("lora", &UpdateAdapter::lora), field_or_default("enabled", &UpdateAdapter::enabled));
  }
};
struct EnableAdapter {
  static constexpr std::string_view type = "EnableAdapter";
  std::string adapter;
  static constexpr auto fields() { return field_list(field("adapter", &EnableAdapter::adapter)); }
};
struct DisableAdapter {
  static constexpr std::string_view type = "DisableAdapter";
  std::string adapter;
  static constexpr auto fields() { return field_list(field("adapter", &DisableAdapter::adapter)); }
};
struct DeleteAdapter {
  static constexpr std::string_view type = "DeleteAdapter";
  std::string adapter;
  static constexpr auto fields() { return field_list(field("adapter", &DeleteAdapter::adapter)); }
};

struct ModelCreated {
  static constexpr EventType type{"ModelCreated", 1};
  std::string fileset, fileset_id, description, base_model;  // fileset and base_model as "ws/name"
  std::string created_by_job;                                // "ws/job" or empty
  static constexpr auto fields() {
    return field_list(field("fileset", &ModelCreated::fileset), field("fileset_id", &ModelCreated::fileset_id),
                      field("description", &ModelCreated::description), field("base_model", &ModelCreated::base_model),
                      field("created_by_job", &ModelCreated::created_by_job));
  }
};
struct ModelUpdated {
  static constexpr EventType type{"ModelUpdated", 1};
  std::string fileset, fileset_id, description;
  static constexpr auto fields() {
    return field_list(field("fileset", &ModelUpdated::fileset), field("fileset_id", &ModelUpdated::fileset_id),
                      field("description", &ModelUpdated::description));
  }
};
struct ModelDetailsSet {
  static constexpr EventType type{"ModelDetailsSet", 1};
  JsonText details = {};  // an object
  static constexpr auto fields() { return field_list(field("details", &ModelDetailsSet::details)); }
};
struct ModelSpecFilled {
  static constexpr EventType type{"ModelSpecFilled", 1};
  std::string fileset_id;
  std::int64_t fileset_version = 0;
  JsonText spec;
  static constexpr auto fields() {
    return field_list(field("fileset_id", &ModelSpecFilled::fileset_id),
                      field("fileset_version", &ModelSpecFilled::fileset_version), field("spec", &ModelSpecFilled::spec));
  }
};
struct ModelSpecFailed {
  static constexpr EventType type{"ModelSpecFailed", 1};
  std::string fileset_id;
  std::int64_t fileset_version = 0;
  std::string error;
  static constexpr auto fields() {
    return field_list(field("fileset_id", &ModelSpecFailed::fileset_id),
                      field("fileset_version", &ModelSpecFailed::fileset_version), field("error", &ModelSpecFailed::error));
  }
};
struct ModelDeleted {
  static constexpr EventType type{"ModelDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};
struct AdapterCreated {
  static constexpr EventType type{"AdapterCreated", 1};
  std::string adapter, adapter_id;
  std::string fileset, fileset_id, description;
  std::int64_t fileset_version = 0;
  std::string finetuning_type = "lora";
  bool enabled = true;
  LoraShape lora;
  std::string created_by_job;
  static constexpr auto fields() {
    return field_list(field("adapter", &AdapterCreated::adapter),
                      field("adapter_id", &AdapterCreated::adapter_id),
                      field("fileset", &AdapterCreated::fileset),
                      field("fileset_id", &AdapterCreated::fileset_id),
                      field("fileset_version", &AdapterCreated::fileset_version),
                      field("description", &AdapterCreated::description),
                      field("finetuning_type", &AdapterCreated::finetuning_type),
                      field("enabled", &AdapterCreated::enabled),
                      field("lora", &AdapterCreated::lora),
                      field("created_by_job", &AdapterCreated::created_by_job));
  }
};
struct AdapterUpdated {
  static constexpr EventType type{"AdapterUpdated", 1};
  std::string adapter, fileset, fileset_id, description;
  std::int64_t fileset_version = 0;
  LoraShape lora;
  static constexpr auto fields() {
    return field_list(field("adapter", &AdapterUpdated::adapter),
                      field("fileset", &AdapterUpdated::fileset),
                      field("fileset_id", &AdapterUpdated::fileset_id),
                      field("fileset_version", &AdapterUpdated::fileset_version),
                      field("description", &AdapterUpdated::description),
                      field("lora", &AdapterUpdated::lora));
  }
  bool operator==(const AdapterUpdated&) const = default;
};
struct AdapterEnabled {
  static constexpr EventType type{"AdapterEnabled", 1};
  std::string adapter;
  static constexpr auto fields() { return field_list(field("adapter", &AdapterEnabled::adapter)); }
};
struct AdapterDisabled {
  static constexpr EventType type{"AdapterDisabled", 1};
  std::string adapter;
  static constexpr auto fields() { return field_list(field("adapter", &AdapterDisabled::adapter)); }
};
struct AdapterDeleted {
  static constexpr EventType type{"AdapterDeleted", 1};
  std::string adapter;
  static constexpr auto fields() { return field_list(field("adapter", &AdapterDeleted::adapter)); }
};

}  // namespace luthier::events
