#include "actors/auth/provider.hpp"

#include "actors/auth/url.hpp"
#include "events/json/value.hpp"

namespace luthier::auth {
namespace {

constexpr json::Bounds description_bounds{.bytes_max = 256 << 10, .depth_max = 16};

// What is no URL is as good as not there: clients would be sent nowhere.
std::string url_member(const json::Value& description, std::string_view name) {
  const auto* member = description.find(name);
  const auto* text = member ? member->text() : nullptr;
  return text && parse_url(*text, name) ? *text : "";
}

}  // namespace

std::string description_url(std::string_view issuer) {
  if (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

Result<Provider> parse_provider(std::string_view text, std::string_view issuer) {
  const auto description = json::parse(text, description_bounds);
  if (!description) return with_context(description.error(), "the issuer's description");
  const auto* named = description->find("issuer");
  if (!named || !named->text() || *named->text() != issuer)
    return invalid("the description under " + std::string(issuer) + " is one of another issuer; write issuer exactly as it does", "issuer");
  Provider provider;
  provider.jwks_uri = url_member(*description, "jwks_uri");
  if (provider.jwks_uri.empty()) return invalid("the issuer's description has no URL jwks_uri", "jwks");
  provider.authorization_endpoint = url_member(*description, "authorization_endpoint");
  provider.token_endpoint = url_member(*description, "token_endpoint");
  provider.device_authorization_endpoint = url_member(*description, "device_authorization_endpoint");
  provider.userinfo_endpoint = url_member(*description, "userinfo_endpoint");
  return provider;
}

}  // namespace luthier::auth
