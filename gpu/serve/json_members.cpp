#include "gpu/serve/json_members.hpp"

#include <sstream>

namespace luthier::serve {
namespace {

std::string range(double min, double max) {
  std::ostringstream out;
  out << "between " << min << " and " << max;
  return out.str();
}

}  // namespace

const nlohmann::ordered_json* Members::find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Members::refuse(std::string message, std::string member) {
  if (!error_) error_ = invalid(std::move(message), std::move(member));
}

std::optional<double> Members::number(const char* name, double min, double max) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  const double number = value->is_number() ? value->get<double>() : max + 1;
  if (!value->is_number() || !(number >= min && number <= max)) {
    refuse(std::string(name) + " must be a number " + range(min, max), name);
    return std::nullopt;
  }
  return number;
}

std::optional<std::int64_t> Members::integer(const char* name, std::int64_t min, std::int64_t max) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  const bool fits = value->is_number_unsigned() ? value->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                                                : value->is_number_integer();
  const std::int64_t integer = fits ? value->get<std::int64_t>() : 0;
  if (!fits || integer < min || integer > max) {
    refuse(std::string(name) + " must be an integer from " + std::to_string(min) + " to " + std::to_string(max), name);
    return std::nullopt;
  }
  return integer;
}

std::optional<bool> Members::boolean(const char* name) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    refuse(std::string(name) + " must be true or false", name);
    return std::nullopt;
  }
  return value->get<bool>();
}

std::optional<std::string> Members::text(const char* name) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    refuse(std::string(name) + " must be a string", name);
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::string Members::required_text(const char* name) {
  auto value = text(name);
  if (!value || value->empty()) refuse(std::string(name) + " is required: a string that is not empty", name);
  return value.value_or("");
}

}  // namespace luthier::serve
