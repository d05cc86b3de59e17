#include "actors/auth/key_set.hpp"

#include <algorithm>
#include <optional>

#include "actors/auth/base64url.hpp"
#include "events/json/value.hpp"

namespace luthier::auth {
namespace {

constexpr json::Bounds set_bounds{.bytes_max = 1 << 20, .depth_max = 16};
constexpr std::size_t keys_max = 100;

std::string_view text_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const auto* text = member ? member->text() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::string bytes_of(const json::Value& object, std::string_view name) { return decode_base64url(text_of(object, name)).value_or(""); }

// A JWK may say what it is for; one that says nothing is for anything.
bool is_for_signatures(const json::Value& jwk) {
  if (const auto* use = jwk.find("use"); use && text_of(jwk, "use") != "sig") return false;
  const auto* operations = jwk.find("key_ops");
  if (!operations) return true;
  const auto* list = operations->array();
  return list && std::any_of(list->begin(), list->end(), [](const json::Value& value) { return value.text() && *value.text() == "verify"; });
}

// None: a key that is not for us.
std::optional<Result<PublicKey>> key_of(const json::Value& jwk) {
  if (!jwk.object() || !is_for_signatures(jwk)) return std::nullopt;
  const auto kind = text_of(jwk, "kty"), algorithm = text_of(jwk, "alg");
  if (kind == "RSA" && (algorithm.empty() || algorithm == "RS256")) return PublicKey::rsa(bytes_of(jwk, "n"), bytes_of(jwk, "e"));
  if (kind == "EC" && text_of(jwk, "crv") == "P-256" && (algorithm.empty() || algorithm == "ES256"))
    return PublicKey::p256(bytes_of(jwk, "x"), bytes_of(jwk, "y"));
  return std::nullopt;
}

}  // namespace

Result<KeySet> KeySet::parse(std::string_view text) {
  const auto value = json::parse(text, set_bounds);
  if (!value) return with_context(value.error(), "the key set");
  const auto* member = value->find("keys");
  const auto* list = member ? member->array() : nullptr;
  if (!list) return invalid("the key set has no list \"keys\"");
  if (list->size() > keys_max) return Error{ErrorCode::limit, "the key set has more than 100 keys", {}};
  KeySet set;
  std::string trouble;
  for (const auto& jwk : *list) {
    auto key = key_of(jwk);
    if (!key) continue;
    if (*key)
      set.keys_.push_back({std::string(text_of(jwk, "kid")), std::make_shared<const PublicKey>(std::move(**key))});
    else
      trouble = "; one " + key->error().message;
  }
  if (set.keys_.empty()) return invalid("the key set has no key for RS256 or ES256" + trouble);
  return set;
}

KeyPointer KeySet::find(std::string_view id, Algorithm algorithm) const {
  const auto fits = [&](const Named& named) { return named.key->algorithm() == algorithm && (id.empty() || named.id == id); };
  const auto first = std::find_if(keys_.begin(), keys_.end(), fits);
  if (first == keys_.end()) return nullptr;
  if (id.empty() && std::any_of(first + 1, keys_.end(), fits)) return nullptr;
  return first->key;
}

}  // namespace luthier::auth
