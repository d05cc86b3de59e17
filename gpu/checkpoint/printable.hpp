// Names that a file brought along, made fit for an error message of one line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::checkpoint {

// At most `length_max` characters; control characters and bytes outside ASCII become '?'.
std::string printable(std::string_view text, std::size_t length_max = 120);
std::string shape_text(const std::vector<std::int64_t>& shape);  // "[2, 3]"

}  // namespace luthier::checkpoint
