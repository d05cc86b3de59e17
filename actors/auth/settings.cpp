#include "actors/auth/settings.hpp"

#include "actors/auth/principal.hpp"
#include "actors/auth/url.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t names_max = 1000;

Result<void> check_names(const std::vector<std::string>& names, const std::string& field) {
  if (names.size() > names_max) return Error{ErrorCode::limit, field + ": has more than 1000 entries", field};
  for (const auto& name : names)
    if (auto ok = check_principal_name(name, field); !ok) return ok;
  return {};
}

// Who is not a person or a service must not become one by a line of configuration.
Result<void> refuse_reserved(const std::vector<std::string>& names, const std::string& field) {
  for (const auto& name : names)
    if (is_reserved_name(name)) return invalid(field + ": '" + name + "' is not the id of a service", field);
  return {};
}

Result<void> check_issuer(const Settings& settings) {
  if (auto url = parse_trusted_url(settings.issuer, "issuer", settings.allows_plain_http); !url) return url.error();
  if (settings.issuer.find('?') != std::string::npos) return invalid("issuer: must not have a query", "issuer");
  if (settings.audiences.empty())
    return invalid("audiences: name what tokens are issued for (often the client's id); without it tokens for other programs would be taken",
                   "audiences");
  if (settings.client_id.empty()) return invalid("client_id: must not be empty; clients are told it for logging in", "client_id");
  if (settings.jwks.find("://") == std::string::npos) return {};  // a file, or nothing
  if (auto url = parse_trusted_url(settings.jwks, "jwks", settings.allows_plain_http); !url) return url.error();
  return {};
}

}  // namespace

Result<void> check_settings(const Settings& settings) {
  if (!settings.enabled) return {};
  if (settings.issuer.empty() && settings.token_file.empty())
    return invalid("auth: is on, but with neither a token file nor an issuer nobody could come in", "auth");
  if (settings.issuer.empty() && !settings.jwks.empty()) return invalid("issuer: is needed beside jwks", "issuer");
  if (!settings.issuer.empty())
    if (auto ok = check_issuer(settings); !ok) return ok;
  for (const auto& [names, field] : {std::pair(&settings.audiences, "audiences"), std::pair(&settings.admins, "admins"),
                                     std::pair(&settings.services, "services"), std::pair(&settings.speakers, "speakers")})
    if (auto ok = check_names(*names, field); !ok) return ok;
  for (const auto& name : settings.admins)
    if (is_reserved_name(name) && !name.starts_with("group:")) return invalid("admins: '" + name + "' is nobody's id", "admins");
  if (auto ok = refuse_reserved(settings.services, "services"); !ok) return ok;
  return refuse_reserved(settings.speakers, "speakers");
}

}  // namespace luthier::auth
