#include "actors/node/access.hpp"

#include <spdlog/spdlog.h>

#include "actors/auth/discovery.hpp"
#include "actors/auth/listen.hpp"

namespace luthier::node {
namespace {

auth::Settings settings_of(const config::Config& config, const Layout& layout) {
  const auto& chosen = config.auth;
  auth::Settings settings;
  settings.enabled = chosen.enabled;
  settings.token_file = layout.keys() / "tokens.json";
  settings.issuer = chosen.issuer;
  settings.audiences = chosen.audiences;
  settings.jwks = chosen.jwks;
  settings.ca_file = chosen.ca_file;
  settings.allows_plain_http = chosen.plain_http_issuer;
  settings.groups_claim = chosen.groups_claim;
  settings.admins = chosen.admins;
  settings.services = chosen.services;
  settings.speakers = chosen.speakers;
  return settings;
}

}  // namespace

Result<std::unique_ptr<Access>> Access::open(const config::Config& config, const Layout& layout, const Clock& clock) {
  auto settings = settings_of(config, layout);
  if (auto ok = auth::check_settings(settings); !ok) return with_context(ok.error(), "auth");
  const auto listen = config::parse_listen(config.listen);
  if (!listen) return listen.error();
  if (auto ok = auth::check_listen(listen->first, settings.enabled, config.auth.allow_open); !ok) return ok.error();
  std::unique_ptr<Access> access(new Access(std::move(settings), clock));
  if (!access->settings_.enabled) return access;
  access->tokens_ = std::make_unique<auth::TokenStore>(access->settings_.token_file);
  if (!access->settings_.issuer.empty()) access->keys_ = std::make_unique<auth::JwksCache>(auth::jwks_options(access->settings_));
  return access;
}

auth::Authenticated Access::authenticate(const auth::HeaderLookup& headers) {
  auto answer = auth::authenticate(settings_, headers, tokens_.get(), keys_.get(), clock_.now());
  if (const auto* refusal = std::get_if<auth::Refusal>(&answer); refusal && !refusal->detail.empty()) spdlog::warn("authentication: {}", refusal->detail);
  return answer;
}

std::string Access::discovery() { return auth::discovery_document(settings_, keys_ ? keys_->provider() : std::nullopt); }

}  // namespace luthier::node
