#include "actors/auth/discovery.hpp"

#include "events/json/value.hpp"

namespace luthier::auth {
namespace {

json::Value text_or_null(const std::string& text) { return text.empty() ? json::Value{} : json::Value{text}; }

void add(json::Object& object, std::string name, json::Value value) {
  object.names.push_back(std::move(name));
  object.values.push_back(std::move(value));
}

json::Value oidc(const Settings& settings, const Provider& provider) {
  json::Object object;
  add(object, "issuer", {settings.issuer});
  add(object, "authorization_endpoint", text_or_null(provider.authorization_endpoint));
  add(object, "token_endpoint", text_or_null(provider.token_endpoint));
  add(object, "device_authorization_endpoint", text_or_null(provider.device_authorization_endpoint));
  add(object, "userinfo_endpoint", text_or_null(provider.userinfo_endpoint));
  add(object, "client_id", {settings.client_id});
  add(object, "default_scopes", {settings.default_scopes});  // clients split it: never null
  add(object, "scope_prefix", text_or_null(settings.scope_prefix));
  return {std::move(object)};
}

}  // namespace

std::string discovery_document(const Settings& settings, const std::optional<Provider>& provider) {
  const bool has_issuer = settings.enabled && !settings.issuer.empty();
  json::Object document;
  add(document, "auth_enabled", {settings.enabled});
  add(document, "oidc", has_issuer ? oidc(settings, provider.value_or(Provider{})) : json::Value{});
  std::string text;
  json::append(text, json::Value{std::move(document)});
  return text;
}

}  // namespace luthier::auth
