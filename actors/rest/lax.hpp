// Lax readings, as the contract's clients rely on them: "5" as 5, "true" as true, 5.0 as 5.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace luthier::rest {

enum class NotWhole { not_a_number, too_large };

std::optional<double> read_double(std::string_view text);  // finite, the whole text
// "5", "+5", "5.0", with blanks around it.
std::optional<std::int64_t> read_integer(std::string_view text, NotWhole& why);
std::optional<bool> read_flag(std::string_view text);  // true, yes, on, y, t, 1 and their opposites, in any case
// A double that is a whole number within 64 bits.
std::optional<std::int64_t> whole(double number);

}  // namespace luthier::rest
