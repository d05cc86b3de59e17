// What a principal may do in a workspace. Pure: the caller brings the members. Whoever has no role in a workspace does not learn
// that it exists.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/principal.hpp"

namespace luthier::auth {

// Principal -> roles, as the platform keeps them ("Viewer", "Editor", "Admin"; other names give nothing). A member is an id, an e-mail
// address or "group:<name>"; "*" is everyone who is authenticated.
using Members = std::map<std::string, std::vector<std::string>, std::less<>>;

enum class Action {
  read,              // get, list, download
  infer,             // ask a served model
  write,             // create, change and delete what is in a workspace
  read_secret,       // the value of a secret
  manage_workspace,  // its description, its members, its end
  create_workspace,  // the workspace is not there yet, and has no members
  administer,        // the installation: keys, tokens, workers; the workspace does not matter
};

enum class Verdict {
  allowed,
  hidden,     // 404, with the same text as for what does not exist
  forbidden,  // 403
};

struct Decision {
  Verdict verdict = Verdict::allowed;
  std::string message;  // of a forbidden one: a sentence
};

// The role that all together give; none: the workspace is hidden.
std::optional<Role> role_in(const Principal& principal, std::string_view workspace, const Members& members);

Decision decide(const Principal& principal, Action action, std::string_view workspace, const Members& members);
bool may(const Principal& principal, Action action, std::string_view workspace, const Members& members);
// For lists: may(…, Action::read, …).
bool may_see(const Principal& principal, std::string_view workspace, const Members& members);

}  // namespace luthier::auth
