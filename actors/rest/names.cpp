#include "actors/rest/names.hpp"

#include <algorithm>

#include "events/base/base58.hpp"

namespace luthier::rest {
namespace {

constexpr std::size_t reference_bytes_max = 127, loose_length_max = 255;

// NAME_PATTERN twice, with a slash between; the look-ahead stops at it.
constexpr std::string_view model_reference_pattern =
    R"(^[a-z](?![^/]*--)[a-z0-9\-@.+_]{1,62}(?<!-)(/[a-z](?!.*--)[a-z0-9\-@.+_]{1,62}(?<!-))?$)";

}  // namespace

bool is_entity_name(std::string_view text) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto allowed = [&](char c) {
    return is_lower(c) || (c >= '0' && c <= '9') || std::string_view("-@.+_").find(c) != std::string_view::npos;
  };
  return text.size() >= 2 && text.size() <= 63 && is_lower(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), allowed) && text.find("--") == text.npos;
}

bool is_model_reference(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return is_entity_name(text);
  return text.size() <= reference_bytes_max && is_entity_name(text.substr(0, slash)) && is_entity_name(text.substr(slash + 1));
}

Schema entity_name() { return text().pattern(entity_name_pattern); }
Schema request_name() { return text().length(0, loose_length_max).pattern(R"(^[\w\-.]+$)"); }
Schema project_reference() { return text().length(0, loose_length_max).pattern(R"(^[\w\-./]+$)"); }
Schema secret_reference() { return text().pattern("^[a-z0-9_-]+(/[a-z0-9_-]+)?$"); }
Schema model_reference() { return text().length(0, reference_bytes_max).pattern(model_reference_pattern); }
Schema description(std::size_t length_max) { return text().length(0, length_max); }

std::string entity_id(std::string_view prefix, const std::array<std::uint8_t, 16>& random) {
  std::string id(prefix);
  std::replace(id.begin(), id.end(), '_', '-');
  return id + "-" + base58(random);
}

std::string suffix5(std::uint64_t random) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  for (int i = 0; i < 5; ++i) out += letters[random % letters.size()], random /= letters.size();
  return out;
}

std::string generated_name(std::string_view type, std::uint64_t random) {
  std::string name(type);
  std::replace(name.begin(), name.end(), '_', '-');
  return name + "-" + suffix5(random);
}

}  // namespace luthier::rest
