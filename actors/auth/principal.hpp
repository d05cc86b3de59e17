// Who sends a request, once authenticated: the name that goes into each event, and what that name brings with it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::auth {

enum class Role { viewer, editor, admin };  // each may do what the one before may

std::string_view to_string(Role role);                  // "viewer"
std::optional<Role> parse_role(std::string_view text);  // "Viewer" of the platform and "viewer" of the command line alike

struct Grant {
  std::string workspace;  // "*": every one
  Role role = Role::viewer;
  bool operator==(const Grant&) const = default;
};

struct Principal {
  std::string id;     // empty: nobody in particular, with authentication off
  std::string email;
  bool email_is_verified = false;  // only then it counts for membership
  std::vector<std::string> groups;
  std::string on_behalf_of;  // a service speaks for this user: the user's authority counts
  bool is_service = false;
  bool is_admin = false;  // of the whole installation
  std::vector<Grant> grants;                 // besides membership
  std::optional<std::vector<Grant>> limits;  // never more than these, whatever else would give more
};

// An id, an e-mail address or a group's name: 1 to 128 characters of UTF-8 without blanks at its ends and without control characters.
Result<void> check_principal_name(std::string_view name, std::string_view field);

// "service:<name>"
bool is_service_name(std::string_view id);
// "system" and "worker:<name>" are Luthier's own parts, "group:<name>" is a group, "*" is everyone: nobody outside has such an id.
bool is_reserved_name(std::string_view id);

}  // namespace luthier::auth
