// What may name a blob, and what may name a file in a fileset.
#pragma once

#include <string_view>

#include "events/base/result.hpp"

namespace luthier::blobs {

bool is_digest(std::string_view text);  // 64 lower-case hexadecimal digits

// Relative, '/'-separated, without "." and "..": it stays below the directory that it is put in.
Result<void> check_path(std::string_view path);

}  // namespace luthier::blobs
