// RFC 4648's alphabet, with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace luthier::text {

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // none when it is anything else

}  // namespace luthier::text
