#include <algorithm>

#include "events/secret/rules.hpp"

namespace luthier::events {
namespace {

// ^[\w\-.]+$ in ASCII, up to 255 bytes: looser than other names, as clients have them ("NGC_API_KEY").
bool is_secret_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

}  // namespace

Decision decide(const World& world, const Request& request, const CreateSecret& create, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (!is_secret_name(request.name))
    return invalid("Invalid secret name \"" + readable(request.name, limits) + "\": 1 to 255 letters, digits and - . _ are needed", "name");
  if (world.secrets.contains({workspace, request.name})) return conflict(title_of("secret", {workspace, request.name}) + " already exists", "name");
  const auto count = world.entity_counts.find({"secret", workspace});
  if (count != world.entity_counts.end() && count->second >= limits.entities_per_workspace_max)
    return Error{ErrorCode::limit, "workspace " + workspace + " has " + std::to_string(count->second) + " secrets, which is the most", "name"};
  if (auto ok = check_description(create.description.value_or(""), limits); !ok) return ok.error();
  if (!create.sealed) return unchecked("data.sealed");
  return Facts{opening_fact(request, workspace, request.name, SecretCreated{create.description, *create.sealed})};
}

Decision decide(const World& world, const Request& request, const UpdateSecret& update, const Limits& limits) {
  const auto found = target(world.secrets, request);
  if (!found) return found.error();
  const SecretState& secret = **found;
  if (update.box && !update.sealed) return unchecked("data.sealed");
  const SecretUpdated updated{update.description ? update.description : secret.description, update.sealed.value_or(secret.sealed)};
  if (auto ok = check_description(updated.description.value_or(""), limits); !ok) return ok.error();
  if (updated.description == secret.description && updated.sealed == secret.sealed) return Facts{};
  return Facts{fact_of(secret, updated)};
}

Decision decide(const World& world, const Request& request, const DeleteSecret&, const Limits&) {
  const auto found = target(world.secrets, request);
  if (!found) return found.error();
  return Facts{fact_of(**found, SecretDeleted{})};
}

}  // namespace luthier::events
