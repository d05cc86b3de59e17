// Numbers as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace luthier::train {

std::string readable_bytes(std::size_t bytes);      // "1.25 GiB"
std::string grouped(std::int64_t value);            // "1 234 567"
std::string formatted(const char* format, double value);

}  // namespace luthier::train
