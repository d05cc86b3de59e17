// A record: a named document that the platform keeps for its users and acts on little or not at all. One family of events for all
// kinds: project, prompt, provider, virtual_model, deployment_config, and "entity.<type>" for what clients define themselves.
//
// A record's name in commands, events and queries is its key, "<kind>:<parent>:<name>": unique in its workspace. `parent` is the id
// of another record, or empty.
#pragma once

#include <optional>
#include <string>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct CreateRecord {
  static constexpr std::string_view type = "CreateRecord";
  std::string project;
  JsonText data;  // an object
  static constexpr auto fields() {
    return field_list(field_or_default("project", &CreateRecord::project), field("data", &CreateRecord::data));
  }
};
struct UpdateRecord {
  static constexpr std::string_view type = "UpdateRecord";
  std::optional<std::string> rename;  // the new name
  std::optional<std::string> project;
  std::optional<JsonText> data;   // replaces the data as a whole
  std::optional<JsonText> patch;  // or: a merge patch (RFC 7396) of it
  static constexpr auto fields() {
    return field_list(field_or_default("rename", &UpdateRecord::rename), field_or_default("project", &UpdateRecord::project),
                      field_or_default("data", &UpdateRecord::data), field_or_default("patch", &UpdateRecord::patch));
  }
};
struct DeleteRecord {  // and the records below it
  static constexpr std::string_view type = "DeleteRecord";
  static constexpr auto fields() { return field_list(); }
};

struct RecordCreated {
  static constexpr EventType type{"RecordCreated", 1};
  std::string project;
  JsonText data;
  static constexpr auto fields() {
    return field_list(field("project", &RecordCreated::project), field("data", &RecordCreated::data));
  }
};
struct RecordUpdated {
  static constexpr EventType type{"RecordUpdated", 1};
  std::string project;
  JsonText data;
  static constexpr auto fields() {
    return field_list(field("project", &RecordUpdated::project), field("data", &RecordUpdated::data));
  }
};
// The stream goes on under the new key; this event is still under the old one.
struct RecordRenamed {
  static constexpr EventType type{"RecordRenamed", 1};
  std::string to;  // a key
  static constexpr auto fields() { return field_list(field("to", &RecordRenamed::to)); }
};
struct RecordDeleted {
  static constexpr EventType type{"RecordDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};

}  // namespace luthier::events
