#include "events/world/names.hpp"

#include <algorithm>

#include "events/json/utf8.hpp"

namespace luthier::events {
namespace {

constexpr std::size_t part_bytes_max = 255;  // of a file system

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string problem_of_part(std::string_view part) {
  if (part.empty()) return "has an empty part";
  if (part == "." || part == "..") return "must not have . or .. as a part";
  if (part.size() > part_bytes_max) return "has a part of more than 255 bytes";
  return "";
}

}  // namespace

bool is_name(std::string_view text, std::size_t bytes_max) {
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || std::string_view("-@.+_").find(c) != std::string_view::npos; };
  return text.size() >= 2 && text.size() <= bytes_max && is_lower(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), allowed) && text.find("--") == text.npos;
}

std::string problem_of_path(std::string_view path, std::size_t bytes_max) {
  if (path.empty()) return "must not be empty";
  if (path.size() > bytes_max) return "has more than " + std::to_string(bytes_max) + " bytes";
  if (path.front() == '/') return "must be relative";
  if (!json::is_utf8(path)) return "is not UTF-8";
  if (path.find('\\') != path.npos) return "must not have a backslash";
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
    return "must not have control characters";
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (auto problem = problem_of_part(path.substr(start, end - start)); !problem.empty()) return problem;
    start = end + 1;
  }
  return "";
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace luthier::events
