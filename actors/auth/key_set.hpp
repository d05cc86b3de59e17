// The keys that an issuer publishes (JWKS, RFC 7517).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/public_key.hpp"

namespace luthier::auth {

using KeyPointer = std::shared_ptr<const PublicKey>;

class KeySet {
 public:
  // Keys for other purposes and of other kinds are passed over; a set without any that could be used is refused.
  static Result<KeySet> parse(std::string_view json);

  // With an empty `id` the only key of that algorithm, if there is only one: a token need not name it then. Null: none.
  KeyPointer find(std::string_view id, Algorithm algorithm) const;
  std::size_t size() const { return keys_.size(); }

 private:
  struct Named {
    std::string id;
    KeyPointer key;
  };
  std::vector<Named> keys_;
};

}  // namespace luthier::auth
