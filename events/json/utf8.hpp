// UTF-8: what is well formed, and how to make it so.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace luthier::json {

// The bytes of the well-formed code point that starts the text (no surrogate, nothing overlong); 0 when none does.
std::size_t code_point_bytes(std::string_view text);
bool is_utf8(std::string_view text);
// Each byte that is not part of a code point becomes U+FFFD; at most `bytes_max` bytes, cut between code points.
std::string repaired_utf8(std::string_view text, std::size_t bytes_max = std::string::npos);
std::size_t count_code_points(std::string_view text);  // of well-formed text

}  // namespace luthier::json
