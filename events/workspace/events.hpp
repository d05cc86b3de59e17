// A workspace: the boundary of names and of authorisation. Its own events live in workspace "system".
#pragma once

#include "events/base/event_type.hpp"

namespace luthier::events {

struct CreateWorkspace {
  static constexpr std::string_view type = "CreateWorkspace";
  std::string description;
  static constexpr auto fields() { return std::tuple{field_or_default("description", &CreateWorkspace::description)}; }
};
struct DeleteWorkspace {
  static constexpr std::string_view type = "DeleteWorkspace";
  static constexpr auto fields() { return std::tuple{}; }
};

struct WorkspaceCreated {
  static constexpr EventType type{"WorkspaceCreated", 1};
  std::string description;
  static constexpr auto fields() { return std::tuple{field("description", &WorkspaceCreated::description)}; }
};
struct WorkspaceDeleted {
  static constexpr EventType type{"WorkspaceDeleted", 1};
  static constexpr auto fields() { return std::tuple{}; }
};

}  // namespace luthier::events
