#include "gpu/checkpoint/json_file.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "events/base/file.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

constexpr int depth_max = 64;

bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') ++i;
    else if (c == '"') in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{') && ++depth > depth_max) return true;
    else if (!in_string && (c == ']' || c == '}')) --depth;
  }
  return false;
}

std::string number_text(double value) { return nlohmann::json(value).dump(); }

Result<nlohmann::json> parse(std::string_view text, const std::string& name) {
  if (is_too_deep(text)) return invalid(name + ": is nested deeper than " + std::to_string(depth_max) + " levels");
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& refused) {
    std::string_view why = refused.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
    why.remove_prefix(std::min(why.size(), why.find("] ") + 2));
    return invalid(name + ": is not JSON: " + printable(why, 300));
  }
}

}  // namespace

Result<nlohmann::json> parse_object(std::string_view text, const std::string& name) {
  auto value = parse(text, name);
  if (value && !value->is_object()) return invalid(name + ": is not a JSON object");
  return value;
}

Result<nlohmann::json> read_object(const std::filesystem::path& path, std::size_t bytes_max) {
  const auto text = read_text(path, bytes_max);
  if (!text) return text.error();
  return parse_object(*text, path.string());
}

Result<nlohmann::json> read_array(const std::filesystem::path& path, std::size_t bytes_max) {
  const auto text = read_text(path, bytes_max);
  if (!text) return text.error();
  auto value = parse(*text, path.string());
  if (value && !value->is_array()) return invalid(path.string() + ": is not a JSON array");
  return value;
}

const nlohmann::json* Members::find(const std::string& key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Members::has(const std::string& key) const { return find(key) != nullptr; }

void Members::refuse(const std::string& key, const std::string& why) {
  if (!error_) error_ = invalid(place_ + ": " + key + ": " + why, key);
}

bool Members::is_null(const std::string& key) const {
  const auto found = object_.find(key);
  return found != object_.end() && found->is_null();
}

const nlohmann::json* Members::wanted(const std::string& key, bool is_optional) {
  const auto* value = find(key);
  if (!value && !is_optional) refuse(key, "is missing");
  return value;
}

std::int64_t Members::integer_of(const nlohmann::json& value, const std::string& key, std::int64_t least,
                                 std::int64_t most) {
  if (!value.is_number_integer()) return refuse(key, "is not an integer"), least;
  const bool is_huge = value.is_number_unsigned() &&
                       value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto number = is_huge ? std::numeric_limits<std::int64_t>::max() : value.get<std::int64_t>();
  if (!is_huge && number >= least && number <= most) return number;
  refuse(key, value.dump() + " is not between " + std::to_string(least) + " and " + std::to_string(most));
  return least;
}

std::int64_t Members::integer(const std::string& key, std::int64_t least, std::int64_t most,
                              std::optional<std::int64_t> otherwise) {
  const auto* value = wanted(key, otherwise.has_value());
  if (!value) return otherwise.value_or(least);
  return integer_of(*value, key, least, most);
}

double Members::number(const std::string& key, double least, double most, std::optional<double> otherwise) {
  const auto* value = wanted(key, otherwise.has_value());
  if (!value) return otherwise.value_or(least);
  if (!value->is_number()) return refuse(key, "is not a number"), least;
  const auto number = value->get<double>();
  if (number >= least && number <= most) return number;
  refuse(key, value->dump() + " is not between " + number_text(least) + " and " + number_text(most));
  return least;
}

bool Members::boolean(const std::string& key, std::optional<bool> otherwise) {
  const auto* value = wanted(key, otherwise.has_value());
  if (!value) return otherwise.value_or(false);
  if (!value->is_boolean()) return refuse(key, "is not true or false"), false;
  return value->get<bool>();
}

std::string Members::text(const std::string& key, std::optional<std::string> otherwise) {
  const auto* value = wanted(key, otherwise.has_value());
  if (!value) return otherwise.value_or("");
  if (!value->is_string()) return refuse(key, "is not a string"), std::string{};
  return value->get<std::string>();
}

std::vector<double> Members::numbers(const std::string& key, std::size_t count) {
  const auto* value = wanted(key, false);
  if (!value) return {};
  if (!value->is_array() || value->size() != count) {
    refuse(key, "is not a list of " + std::to_string(count) + " numbers");
    return {};
  }
  std::vector<double> result;
  for (const auto& each : *value) {
    if (!each.is_number()) refuse(key, "is not a list of " + std::to_string(count) + " numbers");
    result.push_back(each.is_number() ? each.get<double>() : 0);
  }
  return result;
}

std::vector<std::int64_t> Members::integers(const std::string& key, std::int64_t least, std::int64_t most) {
  const auto* value = find(key);
  if (!value) return {};
  if (!value->is_array()) return {integer_of(*value, key, least, most)};
  std::vector<std::int64_t> result;
  for (const auto& each : *value) result.push_back(integer_of(each, key, least, most));
  return result;
}

std::vector<std::string> Members::texts(const std::string& key) {
  const auto* value = find(key);
  if (!value) return {};
  if (!value->is_array()) return refuse(key, "is not a list of strings"), std::vector<std::string>{};
  std::vector<std::string> result;
  for (const auto& each : *value) {
    if (!each.is_string()) return refuse(key, "is not a list of strings"), std::vector<std::string>{};
    result.push_back(each.get<std::string>());
  }
  return result;
}

}  // namespace luthier::checkpoint
