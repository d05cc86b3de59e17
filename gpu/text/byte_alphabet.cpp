#include "gpu/text/byte_alphabet.hpp"

#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<std::int16_t, 0x200> bytes;

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;  // the others get the characters from U+0100 on, in their order
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t character = stands_for_itself(byte) ? byte : next++;
      append_utf8(characters[byte], character);
      bytes[character] = static_cast<std::int16_t>(byte);
    }
  }
};

const Alphabet alphabet;

}  // namespace

const std::array<std::string, 256>& byte_characters() { return alphabet.characters; }

std::optional<unsigned char> byte_of(char32_t character) {
  if (character >= alphabet.bytes.size() || alphabet.bytes[character] < 0) return std::nullopt;
  return static_cast<unsigned char>(alphabet.bytes[character]);
}

void put_byte_characters(const Aligned& from, std::size_t begin, std::size_t end, Rewriter& to) {
  for (std::size_t at = begin; at < end; ++at)
    to.put(alphabet.characters[static_cast<unsigned char>(from.text[at])], at, at + 1);
}

std::string token_bytes(std::string_view token) {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const auto [value, length] = code_point_at(token, at);
    const auto byte = byte_of(value);
    if (!byte) return std::string(token);
    bytes += static_cast<char>(*byte);
    at += length;
  }
  return bytes;
}

}  // namespace luthier::text
