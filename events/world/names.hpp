// What may be called how: names of entities and paths of files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace luthier::events {

// ^[a-z](?!.*--)[a-z0-9\-@.+_]{1,62}(?<!-)$
bool is_name(std::string_view text, std::size_t bytes_max = 63);

// What is wrong with the path of a file in a fileset: empty when nothing is. It is relative and stays inside.
std::string problem_of_path(std::string_view path, std::size_t bytes_max);

// A SHA-256: 64 lower-case hexadecimal digits.
bool is_digest(std::string_view text);

}  // namespace luthier::events
