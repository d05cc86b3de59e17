// JSON Schema of a declared struct.
#pragma once

#include "events/json/fields.hpp"

namespace luthier::events {

template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;

template <class T>
std::string schema_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return R"({"type":"boolean"})";
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return R"({"type":"integer"})";
  } else if constexpr (std::is_same_v<T, double>) {
    return R"({"type":"number"})";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return R"({"type":"string"})";
  } else if constexpr (std::is_same_v<T, JsonText>) {
    return "{}";  // any JSON
  } else if constexpr (json::is_optional<T>) {
    return schema_of<typename T::value_type>();
  } else if constexpr (is_list<T>) {
    return R"({"type":"array","items":)" + schema_of<typename T::value_type>() + "}";
  } else {
    std::string properties, required;
    [[maybe_unused]] const auto add = [&]<class Struct, class Member>(const Field<Struct, Member>& field) {
      properties.append(properties.empty() ? "\"" : ",\"").append(field.name).append("\":").append(schema_of<Member>());
      if (field.required) required.append(required.empty() ? "\"" : ",\"").append(field.name).append("\"");
    };
    T::fields()([&](const auto&... fields) { (add(fields), ...); });
    return R"({"type":"object","properties":{)" + properties + "}" +
           (required.empty() ? "" : ",\"required\":[" + required + "]") + R"(,"additionalProperties":false})";
  }
}

}  // namespace luthier::events
