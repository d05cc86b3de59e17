#include "actors/auth/token_text.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstdint>

#include "events/base/base58.hpp"
#include "events/base/sha256.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t secret_characters = 44;  // what 32 bytes need at most in base 58
constexpr std::size_t check_characters = 6;

std::string padded(std::string text, std::size_t size) {
  if (text.size() < size) text.insert(0, size - text.size(), '1');  // '1' is base58's nought
  return text.substr(text.size() - size);
}

std::string check_sum(std::string_view prefix_and_secret) {
  Sha256 sum;
  sum.update(prefix_and_secret);
  const auto digest = sum.digest();
  return padded(base58({reinterpret_cast<const std::uint8_t*>(digest.data()), 8}), check_characters);
}

}  // namespace

Result<std::string> make_token_text() {
  std::array<std::uint8_t, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return Error{ErrorCode::unavailable, "the system has no random numbers for a token", {}};
  std::string text(token_prefix);
  text += padded(base58(random), secret_characters);
  text += check_sum(text);
  return text;
}

bool is_token_text(std::string_view text) {
  if (text.size() != token_prefix.size() + secret_characters + check_characters || !text.starts_with(token_prefix)) return false;
  return check_sum(text.substr(0, text.size() - check_characters)) == text.substr(text.size() - check_characters);
}

}  // namespace luthier::auth
