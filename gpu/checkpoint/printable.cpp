#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {

std::string printable(std::string_view text, std::size_t length_max) {
  std::string result;
  for (const char c : text.substr(0, length_max)) result += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > length_max ? result + "..." : result;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string result = "[";
  for (const auto extent : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(extent);
  return result + "]";
}

}  // namespace luthier::checkpoint
