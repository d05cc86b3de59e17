#include "actors/blobs/digest.hpp"

#include <algorithm>

namespace luthier::blobs {
namespace {

constexpr std::size_t path_bytes_max = 1024, name_bytes_max = 255;

bool is_control(unsigned char c) { return c < ' ' || c == 0x7f; }

}  // namespace

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<void> check_path(std::string_view path) {
  if (path.empty()) return invalid("a file needs a path", "path");
  if (path.size() > path_bytes_max) return invalid("a path has at most 1,024 bytes", "path");
  if (std::any_of(path.begin(), path.end(), is_control)) return invalid("a path has no control characters", "path");
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    const auto name = rest.substr(0, slash);
    if (name.empty() || name == "." || name == ".." || name.size() > name_bytes_max)
      return invalid("\"" + std::string(path) + "\" does not stay below its directory, or has an empty or too long part", "path");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace luthier::blobs
