// Base64 with the alphabet of URLs and without padding, as JOSE uses it (RFC 4648, section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace luthier::auth {

std::string base64url(std::string_view bytes);
// None unless the text is the one spelling of its bytes: no padding, no blanks, no bits left over.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace luthier::auth
