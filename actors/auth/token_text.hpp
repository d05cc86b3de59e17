// How one of Luthier's tokens looks: "lth_", 44 characters for 32 random bytes, 6 for a check sum: 54 letters and digits that survive a double
// click. The check sum finds a token that was cut or mistyped, and lets a scanner of secrets know one from noise.
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::auth {

constexpr std::string_view token_prefix = "lth_";

Result<std::string> make_token_text();  // unavailable when the system has no randomness to give
bool is_token_text(std::string_view text);

}  // namespace luthier::auth
