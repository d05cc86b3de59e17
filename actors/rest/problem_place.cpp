#include "actors/rest/problem_place.hpp"

#include <algorithm>

#include "actors/rest/schema.hpp"
#include "events/json/utf8.hpp"

namespace luthier::rest {
namespace {

constexpr std::size_t step_bytes_max = 128;

std::size_t bytes_of_text(const std::string& text) {
  if (text.size() > input_bytes_max) return text.size();
  std::size_t bytes = 2;
  for (const char c : text) bytes += static_cast<unsigned char>(c) < 0x20 ? 6 : c == '"' || c == '\\' ? 2 : 1;
  return bytes;
}

// The bytes of its JSON text; stops counting soon after the bound, so a long body costs nothing.
std::size_t bytes_of(const Json& value, std::size_t bound) {
  if (const auto* text = value.get_ptr<const std::string*>()) return bytes_of_text(*text);
  if (!value.is_structured()) return 24;
  std::size_t bytes = 2;
  if (value.is_array()) {
    for (const auto& element : value)
      if ((bytes += 1 + bytes_of(element, bound)) > bound) break;
  } else {
    for (const auto& [name, member] : value.get_ref<const Json::object_t&>())
      if ((bytes += 2 + bytes_of_text(name) + bytes_of(member, bound)) > bound) break;
  }
  return bytes;
}

}  // namespace

std::string excerpt(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return json::repaired_utf8(text);
  return json::repaired_utf8(text.substr(0, bytes_max), bytes_max) + "…";
}

Json loc_of(const Place& place) {
  if (!place.outer) return *place.start;
  Json loc = loc_of(*place.outer);
  if (const auto* name = std::get_if<std::string_view>(&place.step))
    loc.push_back(excerpt(*name, step_bytes_max));
  else
    loc.push_back(std::get<std::size_t>(place.step));
  return loc;
}

Json input_of(const Json& value) {
  if (bytes_of(value, input_bytes_max) <= input_bytes_max) return value;
  if (const auto* text = value.get_ptr<const std::string*>()) return excerpt(*text, 160);
  return Json(Json::value_t::discarded);
}

std::string quoted(const Json& value) {
  if (const auto* text = value.get_ptr<const std::string*>()) return "'" + *text + "'";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.is_null() ? "None" : dump(value);
}

std::string quoted_choices(const std::vector<std::string>& values, std::string_view last_separator) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += i + 1 == values.size() ? last_separator : ", ";
    out += "'" + values[i] + "'";
  }
  return out;
}

}  // namespace luthier::rest
