#include "actors/auth/principal.hpp"

#include <algorithm>

#include "events/json/utf8.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t name_characters_max = 128;  // what the log takes as a principal

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::viewer: return "viewer";
    case Role::editor: return "editor";
    case Role::admin: return "admin";
  }
  return "viewer";
}

std::optional<Role> parse_role(std::string_view text) {
  std::string lower(text.substr(0, 16));
  for (auto& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  for (const Role role : {Role::viewer, Role::editor, Role::admin})
    if (lower == to_string(role)) return role;
  return std::nullopt;
}

Result<void> check_principal_name(std::string_view name, std::string_view field) {
  const auto refuse = [&](std::string_view what) { return invalid(std::string(field) + ": " + std::string(what), std::string(field)); };
  if (name.empty()) return refuse("must not be empty");
  if (!json::is_utf8(name)) return refuse("is not UTF-8");
  if (json::count_code_points(name) > name_characters_max) return refuse("has more than 128 characters");
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return refuse("must not have control characters");
  if (name.front() == ' ' || name.back() == ' ') return refuse("must not begin or end with a blank");
  return {};
}

bool is_service_name(std::string_view id) { return id.starts_with("service:") && id.size() > 8; }

bool is_reserved_name(std::string_view id) {
  return id == "*" || id == "system" || id.starts_with("worker:") || id.starts_with("group:");
}

}  // namespace luthier::auth
