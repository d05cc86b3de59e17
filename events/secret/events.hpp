// A secret: a value that is used by name and never shown again. The log holds it encrypted under a key of its own, which is kept
// outside the log: when the key is destroyed the value is gone, and the chain of hashes still verifies.
#pragma once

#include <optional>
#include <string>

#include "events/base/event_type.hpp"

namespace luthier::events {

// What is encrypted, and the name of the key that opens it. Base64.
struct SealedValue {
  std::string key_id, cipher;
  static constexpr auto fields() { return field_list(field("key_id", &SealedValue::key_id), field("cipher", &SealedValue::cipher)); }
  bool operator==(const SealedValue&) const = default;
};

struct CreateSecret {
  static constexpr std::string_view type = "CreateSecret";
  std::optional<std::string> description;
  // The value in a box that this server alone can open (its public key: `server` `status`); the check opens it, and seals it anew.
  std::string box;
  std::optional<SealedValue> sealed;  // from the check; a client's own is refused
  static constexpr auto fields() {
    return field_list(field_or_default("description", &CreateSecret::description), field_or_default("box", &CreateSecret::box),
                      field_or_default("sealed", &CreateSecret::sealed));
  }
};
struct UpdateSecret {
  static constexpr std::string_view type = "UpdateSecret";
  std::optional<std::string> description;
  std::optional<std::string> box;
  std::optional<SealedValue> sealed;
  static constexpr auto fields() {
    return field_list(field_or_default("description", &UpdateSecret::description), field_or_default("box", &UpdateSecret::box),
                      field_or_default("sealed", &UpdateSecret::sealed));
  }
};
struct DeleteSecret {
  static constexpr std::string_view type = "DeleteSecret";
  static constexpr auto fields() { return field_list(); }
};

struct SecretCreated {
  static constexpr EventType type{"SecretCreated", 1};
  std::optional<std::string> description;
  SealedValue sealed;
  static constexpr auto fields() {
    return field_list(field("description", &SecretCreated::description), field("sealed", &SecretCreated::sealed));
  }
};
struct SecretUpdated {
  static constexpr EventType type{"SecretUpdated", 1};
  std::optional<std::string> description;
  SealedValue sealed;
  static constexpr auto fields() {
    return field_list(field("description", &SecretUpdated::description), field("sealed", &SecretUpdated::sealed));
  }
};
struct SecretDeleted {
  static constexpr EventType type{"SecretDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};

}  // namespace luthier::events
