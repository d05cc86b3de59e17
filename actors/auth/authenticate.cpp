#include "actors/auth/authenticate.hpp"

#include <algorithm>
#include <optional>

#include "actors/auth/jwt.hpp"
#include "actors/auth/token_text.hpp"

namespace luthier::auth {
namespace {

using Kind = Refusal::Kind;

constexpr std::size_t bearer_bytes_max = 16 << 10, groups_max = 500;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What the X-NMP-Principal headers say. Absent and empty are told apart: an empty id is a mistake of the sender.
struct Claimed {
  std::optional<std::string> id, email, on_behalf_of;
  std::vector<std::string> groups;
};

Result<std::optional<std::string>> read_once(const HeaderLookup& headers, const std::string& name) {
  const auto values = headers(name);
  if (values.empty()) return std::optional<std::string>();
  if (values.size() > 1) return invalid(name + ": is there " + std::to_string(values.size()) + " times", name);
  if (auto ok = check_principal_name(values[0], name); !ok) return ok.error();
  if (is_reserved_name(values[0])) return invalid(name + ": is one of Luthier's own names", name);
  return std::optional(values[0]);
}

Result<std::vector<std::string>> read_groups(const HeaderLookup& headers) {
  const std::string name = "X-NMP-Principal-Groups";
  std::vector<std::string> groups;
  for (const auto& value : headers(name)) {
    for (std::size_t begin = 0; begin <= value.size();) {
      const auto end = std::min(value.find(',', begin), value.size());
      auto group = value.substr(begin, end - begin);
      begin = end + 1;
      group.erase(0, std::min(group.find_first_not_of(" \t"), group.size()));
      group.erase(group.find_last_not_of(" \t") + 1);
      if (group.empty()) continue;
      if (auto ok = check_principal_name(group, name); !ok) return ok.error();
      if (groups.size() == groups_max) return invalid(name + ": names more than 500 groups", name);
      groups.push_back(std::move(group));
    }
  }
  return groups;
}

Result<Claimed> read_claimed(const HeaderLookup& headers) {
  auto id = read_once(headers, "X-NMP-Principal-Id"), email = read_once(headers, "X-NMP-Principal-Email");
  auto on_behalf_of = read_once(headers, "X-NMP-Principal-On-Behalf-Of");
  for (const auto* read : {&id, &email, &on_behalf_of})
    if (!*read) return read->error();
  auto groups = read_groups(headers);
  if (!groups) return groups.error();
  return Claimed{std::move(*id), std::move(*email), std::move(*on_behalf_of), std::move(*groups)};
}

Principal without_authentication(const Claimed& claimed) {
  Principal principal;
  principal.id = claimed.id.value_or("");
  principal.email = claimed.email.value_or("");
  principal.groups = claimed.groups;
  principal.on_behalf_of = claimed.on_behalf_of.value_or("");
  principal.is_service = is_service_name(principal.id);
  principal.is_admin = true;
  return principal;
}

// "Bearer <token>"; the scheme in any case, as HTTP has it.
std::optional<std::string_view> bearer_in(std::string_view header) {
  constexpr std::string_view scheme = "bearer ";
  if (header.size() <= scheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c = header[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != scheme[i]) return std::nullopt;
  }
  header.remove_prefix(std::min(header.find_first_not_of(' ', scheme.size()), header.size()));
  if (header.empty() || header.find(' ') != std::string_view::npos) return std::nullopt;
  return header;
}

bool is_admin(const Settings& settings, const std::string& id, const std::vector<std::string>& groups) {
  return contains(settings.admins, id) ||
         std::any_of(groups.begin(), groups.end(), [&](const std::string& group) { return contains(settings.admins, "group:" + group); });
}

// Paths and addresses are the operator's business alone.
Refusal unavailable(std::string_view what, const Error& error) {
  return {Kind::unavailable, std::string(what) + " cannot be read now; the server's log says why.", error.message};
}

Refusal unauthenticated(std::string message) { return {Kind::unauthenticated, std::move(message), {}}; }

Authenticated by_token(const Settings& settings, std::string_view text, TokenStore* tokens, Timestamp now) {
  if (!tokens) return unauthenticated("This server keeps no tokens of its own.");
  const auto token = tokens->find(text, now);
  if (!token && token.error().field != "token") return unavailable("The server's file of tokens", token.error());
  if (!token) return unauthenticated(token.error().message);
  Principal principal;
  principal.id = token->principal;
  principal.is_service = is_service_name(token->principal) || contains(settings.services, token->principal);
  principal.is_admin = contains(settings.admins, token->principal);
  principal.grants = token->scopes;
  principal.limits = token->scopes;
  return principal;
}

Authenticated by_jwt(const Settings& settings, std::string_view text, JwksCache* keys, Timestamp now) {
  if (settings.issuer.empty() || !keys) return unauthenticated("No issuer of tokens is configured on this server.");
  const JwtRules rules{settings.issuer, settings.audiences, settings.groups_claim};
  const auto claims = verify_jwt(text, rules, [&](const std::string& id, Algorithm algorithm) { return keys->find(id, algorithm); }, now);
  if (!claims && claims.error().code == ErrorCode::unavailable) return unavailable("The issuer's keys", claims.error());
  if (!claims) return unauthenticated(claims.error().message);
  const bool is_service = contains(settings.services, claims->subject);
  // Who may choose a subject at the issuer must not become a part of Luthier by it.
  const bool is_claimed = is_reserved_name(claims->subject) || (is_service_name(claims->subject) && !is_service);
  if (!check_principal_name(claims->subject, "sub") || is_claimed)
    return unauthenticated("the token's subject (sub) is not one that this server takes");
  Principal principal;
  principal.id = claims->subject;
  if (check_principal_name(claims->email, "email") && !is_reserved_name(claims->email)) principal.email = claims->email;
  principal.email_is_verified = !principal.email.empty() && (claims->email_is_verified || settings.trusts_unverified_email);
  principal.groups = claims->groups;
  principal.is_service = is_service;
  principal.is_admin = is_admin(settings, principal.id, principal.groups);
  return principal;
}

Refusal may_not_speak(const Principal& speaker) {
  return {Kind::forbidden, "'" + speaker.id + "' may not speak for another principal; leave the X-NMP-Principal headers out.", {}};
}

// A speaker that names another id becomes that principal; one that acts on behalf of a user stays itself. Both ways the user's
// authority counts, and the speaker's limits stay.
Authenticated speaking(const Settings& settings, Principal speaker, const Claimed& claimed) {
  const bool names_other = claimed.id && *claimed.id != speaker.id;
  const bool acts_for_user = claimed.on_behalf_of && *claimed.on_behalf_of != speaker.id;
  if (!names_other && !acts_for_user) return speaker;
  if (!speaker.is_service || !contains(settings.speakers, speaker.id)) return may_not_speak(speaker);
  if (claimed.id && is_service_name(*claimed.id) && names_other) return may_not_speak(speaker);
  Principal principal;
  principal.id = claimed.id.value_or(speaker.id);
  principal.is_service = !names_other;
  principal.on_behalf_of = acts_for_user ? *claimed.on_behalf_of : "";
  principal.email = claimed.email.value_or("");
  principal.email_is_verified = !principal.email.empty();
  principal.groups = claimed.groups;
  principal.is_admin = is_admin(settings, acts_for_user ? principal.on_behalf_of : principal.id, principal.groups);
  principal.limits = std::move(speaker.limits);
  return principal;
}

}  // namespace

int Refusal::http_status() const {
  switch (kind) {
    case Kind::malformed: return 400;
    case Kind::unauthenticated: return 401;
    case Kind::forbidden: return 403;
    case Kind::unavailable: return 503;
  }
  return 401;
}

std::string Refusal::www_authenticate() const { return kind == Kind::unauthenticated ? "Bearer realm=\"luthier\"" : ""; }

Authenticated authenticate(const Settings& settings, const HeaderLookup& headers, TokenStore* tokens, JwksCache* keys, Timestamp now) {
  auto claimed = read_claimed(headers);
  if (!settings.enabled) {
    if (!claimed) return Refusal{Kind::malformed, claimed.error().message, {}};
    return without_authentication(*claimed);
  }
  const auto values = headers("Authorization");
  if (values.empty()) return unauthenticated("Authentication is on: send a bearer token in the header Authorization.");
  if (values.size() > 1) return unauthenticated("The header Authorization is there more than once.");
  if (values[0].size() > bearer_bytes_max) return unauthenticated("The header Authorization is longer than 16 KiB.");
  const auto bearer = bearer_in(values[0]);
  if (!bearer) return unauthenticated("The header Authorization is not of the form 'Bearer <token>'.");
  auto authenticated = bearer->starts_with(token_prefix) ? by_token(settings, *bearer, tokens, now) : by_jwt(settings, *bearer, keys, now);
  auto* principal = std::get_if<Principal>(&authenticated);
  if (!principal) return authenticated;
  if (!claimed) return Refusal{Kind::malformed, claimed.error().message, {}};
  return speaking(settings, std::move(*principal), *claimed);
}

}  // namespace luthier::auth
