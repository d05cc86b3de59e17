// A workspace: the boundary of names and of authorisation. Its own events live in workspace "system".
#pragma once

#include <optional>
#include <vector>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct CreateWorkspace {
  static constexpr std::string_view type = "CreateWorkspace";
  std::string description;
  static constexpr auto fields() { return field_list(field_or_default("description", &CreateWorkspace::description)); }
};
struct UpdateWorkspace {
  static constexpr std::string_view type = "UpdateWorkspace";
  std::string description;
  static constexpr auto fields() { return field_list(field("description", &UpdateWorkspace::description)); }
};
struct DeleteWorkspace {
  static constexpr std::string_view type = "DeleteWorkspace";
  bool cascade = false;  // with all that it has; otherwise one that has something is not deleted
  static constexpr auto fields() { return field_list(field_or_default("cascade", &DeleteWorkspace::cascade)); }
};
// Who may do what in it: all roles of a principal at once.
struct SetMember {
  static constexpr std::string_view type = "SetMember";
  std::string principal;
  std::vector<std::string> roles;  // "Viewer", "Editor", "Admin"
  static constexpr auto fields() { return field_list(field("principal", &SetMember::principal), field("roles", &SetMember::roles)); }
};
struct RemoveMember {
  static constexpr std::string_view type = "RemoveMember";
  std::string principal;
  static constexpr auto fields() { return field_list(field("principal", &RemoveMember::principal)); }
};

struct WorkspaceCreated {
  static constexpr EventType type{"WorkspaceCreated", 1};
  std::string description;
  static constexpr auto fields() { return field_list(field("description", &WorkspaceCreated::description)); }
};
struct WorkspaceUpdated {
  static constexpr EventType type{"WorkspaceUpdated", 1};
  std::string description;
  static constexpr auto fields() { return field_list(field("description", &WorkspaceUpdated::description)); }
};
struct MemberSet {
  static constexpr EventType type{"MemberSet", 1};
  std::string principal;
  std::vector<std::string> roles;
  static constexpr auto fields() { return field_list(field("principal", &MemberSet::principal), field("roles", &MemberSet::roles)); }
};
struct MemberRemoved {
  static constexpr EventType type{"MemberRemoved", 1};
  std::string principal;
  static constexpr auto fields() { return field_list(field("principal", &MemberRemoved::principal)); }
};
// From now on it is hidden; what it has is deleted piece by piece, and then the workspace.
struct WorkspaceDeleteRequested {
  static constexpr EventType type{"WorkspaceDeleteRequested", 1};
  static constexpr auto fields() { return field_list(); }
};
struct WorkspaceDeleted {
  static constexpr EventType type{"WorkspaceDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};

}  // namespace luthier::events
