// Whether a door may be opened on an address: without authentication only on the loopback, unless told so explicitly.
#pragma once

#include <string_view>

#include "events/base/result.hpp"

namespace luthier::auth {

// "localhost", 127.0.0.0/8, ::1 (also in brackets, also as IPv4 in IPv6). Every other spelling is taken for the outside.
bool is_loopback(std::string_view host);

Result<void> check_listen(std::string_view host, bool auth_enabled, bool allow_open);

}  // namespace luthier::auth
