#include "events/base/base58.hpp"

#include <algorithm>
#include <vector>

namespace luthier {

std::string base58(std::span<const std::uint8_t> bytes) {
  static constexpr char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::vector<std::uint8_t> digits;  // of the number in base 58, the smallest first
  for (const std::uint8_t byte : bytes) {
    unsigned carry = byte;
    for (auto& digit : digits) {
      carry += digit * 256u;
      digit = static_cast<std::uint8_t>(carry % 58);
      carry /= 58;
    }
    for (; carry > 0; carry /= 58) digits.push_back(static_cast<std::uint8_t>(carry % 58));
  }
  // The number forgets leading zero bytes; each becomes one '1', so that different bytes never give the same text.
  std::string text(std::find_if(bytes.begin(), bytes.end(), [](auto byte) { return byte != 0; }) - bytes.begin(), '1');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) text += alphabet[*digit];
  return text;
}

}  // namespace luthier
