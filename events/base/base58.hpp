// Base58 (the Bitcoin alphabet): no look-alike letters and no punctuation, so ids survive double clicks, URLs and subjects.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace luthier {

std::string base58(std::span<const std::uint8_t> bytes);

}  // namespace luthier
