#include "actors/rest/json.hpp"

#include <cmath>

#include "events/base/overloaded.hpp"

namespace luthier::rest {

void append_member(Json& object, std::string name, Json value) {
  if (object.is_null()) object = Json::object();
  object.get_ref<Json::object_t&>().emplace_back(std::move(name), std::move(value));
}

const Json* find_member(const Json& value, std::string_view name) {
  if (!value.is_object()) return nullptr;
  for (const auto& [member, held] : value.get_ref<const Json::object_t&>())
    if (member == name) return &held;
  return nullptr;
}

Json to_json(const json::Value& value) {
  return std::visit(overloaded{[](std::nullptr_t) { return Json(nullptr); }, [](bool flag) { return Json(flag); },
                               [](std::int64_t number) { return Json(number); }, [](double number) { return Json(number); },
                               [](const std::string& text) { return Json(text); },
                               [](const json::Array& array) {
                                 Json out = Json::array();
                                 out.get_ref<Json::array_t&>().reserve(array.size());
                                 for (const auto& element : array) out.push_back(to_json(element));
                                 return out;
                               },
                               [](const json::Object& object) {
                                 Json out = Json::object();
                                 out.get_ref<Json::object_t&>().reserve(object.names.size());
                                 for (std::size_t i = 0; i < object.names.size(); ++i)
                                   append_member(out, object.names[i], to_json(object.values[i]));
                                 return out;
                               }},
                    value.held);
}

Result<Json> parse_json(std::string_view text, const BodyBounds& bounds) {
  const auto value = json::parse(text, {.bytes_max = bounds.bytes_max, .depth_max = bounds.depth_max});
  if (!value) return value.error();
  return to_json(*value);
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json without_nulls(Json value) {
  if (value.is_array()) {
    for (auto& element : value) element = without_nulls(std::move(element));
  } else if (value.is_object()) {
    Json kept = Json::object();
    for (auto& [name, member] : value.get_ref<Json::object_t&>())
      if (!member.is_null()) append_member(kept, name, without_nulls(std::move(member)));
    return kept;
  }
  return value;
}

bool same_json(const Json& one, const Json& other) {
  if (one.is_object() && other.is_object()) {
    if (one.size() != other.size()) return false;
    for (const auto& [name, value] : one.get_ref<const Json::object_t&>()) {
      const Json* twin = find_member(other, name);
      if (!twin || !same_json(value, *twin)) return false;
    }
    return true;
  }
  if (one.is_array() && other.is_array()) {
    if (one.size() != other.size()) return false;
    for (std::size_t i = 0; i < one.size(); ++i)
      if (!same_json(one[i], other[i])) return false;
    return true;
  }
  return one == other;  // numbers are compared by value, whatever their kind
}

}  // namespace luthier::rest
