// A key that signatures are checked with. The key itself knows its one algorithm, so a token cannot choose another for it.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "events/base/result.hpp"

using EVP_PKEY = struct evp_pkey_st;

namespace luthier::auth {

enum class Algorithm { rs256, es256 };

std::string_view to_string(Algorithm algorithm);              // "RS256"
std::optional<Algorithm> parse_algorithm(std::string_view text);  // none for every other one, "none" and "HS256" included

// Immutable; any thread may ask.
class PublicKey {
 public:
  // Big-endian numbers, as a JWK has them. RSA: 2048 to 8192 bits.
  static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  static Result<PublicKey> p256(std::string_view x, std::string_view y);

  Algorithm algorithm() const { return algorithm_; }
  // The signature as JOSE has it: for ES256 the two numbers of 32 bytes each.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  PublicKey(Algorithm algorithm, std::shared_ptr<EVP_PKEY> key) : algorithm_(algorithm), key_(std::move(key)) {}
  Algorithm algorithm_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace luthier::auth
