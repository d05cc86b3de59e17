// The alphabet of byte-level tokenizers: each byte is written as one printable character.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "gpu/text/aligned.hpp"

namespace luthier::text {

const std::array<std::string, 256>& byte_characters();
std::optional<unsigned char> byte_of(char32_t character);

// The bytes [begin, end) of `from`, written in the alphabet.
void put_byte_characters(const Aligned& from, std::size_t begin, std::size_t end, Rewriter& to);
// A token's bytes; a token with a character outside the alphabet stands for itself.
std::string token_bytes(std::string_view token);

}  // namespace luthier::text
