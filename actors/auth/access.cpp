#include "actors/auth/access.hpp"

#include <algorithm>

namespace luthier::auth {
namespace {

using MaybeRole = std::optional<Role>;  // none orders before every role

MaybeRole largest_of(const std::vector<Grant>& grants, std::string_view workspace) {
  MaybeRole role;
  for (const auto& grant : grants)
    if (grant.workspace == "*" || grant.workspace == workspace) role = std::max(role, MaybeRole(grant.role));
  return role;
}

MaybeRole largest_of(const Members& members, std::string_view name) {
  MaybeRole role;
  if (const auto found = members.find(name); found != members.end())
    for (const auto& text : found->second) role = std::max(role, parse_role(text));
  return role;
}

MaybeRole by_membership(const Principal& principal, const Members& members) {
  const auto& subject = principal.on_behalf_of.empty() ? principal.id : principal.on_behalf_of;
  MaybeRole role = std::max(largest_of(members, subject), largest_of(members, "*"));
  if (principal.email_is_verified) role = std::max(role, largest_of(members, principal.email));
  for (const auto& group : principal.groups) role = std::max(role, largest_of(members, "group:" + group));
  return role;
}

// The two workspaces that are always there say so in their descriptions.
MaybeRole built_in(std::string_view workspace) {
  if (workspace == "default") return Role::editor;
  if (workspace == "system") return Role::viewer;
  return std::nullopt;
}

// A service that speaks for nobody passes; it does not decide who else may come in.
MaybeRole as_service(const Principal& principal) {
  return principal.is_service && principal.on_behalf_of.empty() ? MaybeRole(Role::editor) : std::nullopt;
}

MaybeRole limited(const Principal& principal, std::string_view workspace, MaybeRole role) {
  return principal.limits ? std::min(role, largest_of(*principal.limits, workspace)) : role;
}

Role needed_for(Action action) {
  switch (action) {
    case Action::read:
    case Action::infer: return Role::viewer;
    case Action::write:
    case Action::read_secret:
    case Action::create_workspace: return Role::editor;
    case Action::manage_workspace:
    case Action::administer: return Role::admin;
  }
  return Role::admin;
}

std::string name_of(const Principal& principal) {
  if (!principal.on_behalf_of.empty()) return "'" + principal.id + "' on behalf of '" + principal.on_behalf_of + "'";
  return "'" + principal.id + "'";
}

std::string what(Action action) {
  switch (action) {
    case Action::read: return "reading";
    case Action::infer: return "asking a model";
    case Action::write: return "changing anything";
    case Action::read_secret: return "reading a secret's value (secrets.read)";
    case Action::manage_workspace: return "changing the workspace and its members";
    case Action::create_workspace: return "making a workspace";
    case Action::administer: return "administering the installation";
  }
  return "this";
}

// Outside of any workspace only what holds in all of them counts. Whoever is authenticated and not limited may make a workspace.
Decision decide_for_all(const Principal& principal, Action action) {
  MaybeRole role = principal.is_admin ? MaybeRole(Role::admin) : largest_of(principal.grants, "*");
  if (action == Action::create_workspace) role = std::max(role, MaybeRole(Role::editor));
  const Role needed = needed_for(action);
  if (limited(principal, "*", role) >= needed) return {};
  return {Verdict::forbidden, name_of(principal) + " needs the role " + std::string(to_string(needed)) + " in all workspaces ('*') for " +
                                  what(action) + "."};
}

}  // namespace

std::optional<Role> role_in(const Principal& principal, std::string_view workspace, const Members& members) {
  MaybeRole role = principal.is_admin ? MaybeRole(Role::admin) : std::nullopt;
  role = std::max({role, built_in(workspace), as_service(principal), largest_of(principal.grants, workspace),
                   by_membership(principal, members)});
  return limited(principal, workspace, role);
}

Decision decide(const Principal& principal, Action action, std::string_view workspace, const Members& members) {
  if (action == Action::create_workspace || action == Action::administer) return decide_for_all(principal, action);
  const auto role = role_in(principal, workspace, members);
  if (!role) return {Verdict::hidden, {}};
  const Role needed = needed_for(action);
  if (*role >= needed) return {};
  return {Verdict::forbidden, name_of(principal) + " has the role " + std::string(to_string(*role)) + " in workspace '" +
                                  std::string(workspace) + "'; " + what(action) + " needs the role " + std::string(to_string(needed)) + "."};
}

bool may(const Principal& principal, Action action, std::string_view workspace, const Members& members) {
  return decide(principal, action, workspace, members).verdict == Verdict::allowed;
}

bool may_see(const Principal& principal, std::string_view workspace, const Members& members) {
  return may(principal, Action::read, workspace, members);
}

}  // namespace luthier::auth
