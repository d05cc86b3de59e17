// Reading and writing of declared structs (those with fields()): the members in the order of the declaration, unknown ones
// refused, missing ones named by their path.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "events/base/event_type.hpp"
#include "events/json/value.hpp"

namespace luthier::json {

template <class T>
concept Declared = requires { T::fields(); };

// Where a value is: "data.files[3].path". Lives on the stack of the reader; the text is made only for an error.
struct Path {
  const Path* parent = nullptr;
  std::string_view name;
  std::size_t index = 0;  // of a list, where the name is empty
  std::string text() const;
};
Error error_at(const Path& path, std::string what);

Result<void> read(const Value& value, bool& into, const Path& path);
Result<void> read(const Value& value, std::int64_t& into, const Path& path);
Result<void> read(const Value& value, double& into, const Path& path);
Result<void> read(const Value& value, std::string& into, const Path& path);
Result<void> read(const Value& value, JsonText& into, const Path& path);
Result<void> expect_object(const Value& value, const Path& path);
Result<void> refuse_others(const Object& object, const std::vector<std::string_view>& known, const Path& path);

// An absent optional and one that is null are the same.
template <class T>
Result<void> read(const Value& value, std::optional<T>& into, const Path& path) {
  if (value.is_null()) {
    into.reset();
    return {};
  }
  return read(value, into.emplace(), path);
}

template <class T>
Result<void> read(const Value& value, std::vector<T>& into, const Path& path) {
  if (!value.array()) return error_at(path, "a list is needed");
  into.clear();
  for (std::size_t i = 0; i < value.array()->size(); ++i)
    if (auto ok = read((*value.array())[i], into.emplace_back(), Path{&path, {}, i}); !ok) return ok;
  return {};
}

template <Declared T>
Result<void> read(const Value& value, T& into, const Path& path) {
  if (auto ok = expect_object(value, path); !ok) return ok;
  return T::fields()(
      [&](const auto&... fields) -> Result<void> {
        Result<void> ok = refuse_others(*value.object(), {fields.name...}, path);
        [[maybe_unused]] const auto read_field = [&](const auto& field) {
          const Path at{&path, field.name};
          if (const Value* member = value.find(field.name))
            ok = read(*member, into.*field.member, at);
          else if (field.required)
            ok = error_at(at, "is required");
          return static_cast<bool>(ok);
        };
        (void)(static_cast<bool>(ok) && ... && read_field(fields));
        return ok;
      });
}

void append(std::string& out, const JsonText& embedded);  // asserts that it is JSON

template <Declared T>
void append(std::string& out, const T& value);

template <class T>
void append(std::string& out, const std::optional<T>& value) {  // null when empty
  if (value)
    append(out, *value);
  else
    out += "null";
}

template <class T>
void append(std::string& out, const std::vector<T>& values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append(out, values[i]);
  }
  out += ']';
}

// Writes `"name":`, with a comma before all but the first.
void append_name(std::string& out, std::string_view name, bool& first);

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <Declared T>
void append(std::string& out, const T& value) {
  out += '{';
  bool first = true;
  [[maybe_unused]] const auto append_field = [&](const auto& field) {
    const auto& member = value.*field.member;
    if constexpr (is_optional<std::decay_t<decltype(member)>>) {
      if (!member && !field.required) return;
    }
    append_name(out, field.name, first);
    append(out, member);
  };
  T::fields()([&](const auto&... fields) { (append_field(fields), ...); });
  out += '}';
}

template <Declared T>
std::string to_json(const T& value) {
  std::string out;
  append(out, value);
  return out;
}

template <Declared T>
Result<T> from_json(std::string_view text, std::string_view name = {}, const Bounds& bounds = {}) {
  auto value = parse(text, bounds);
  if (!value) return value.error();
  T into;
  if (auto ok = read(*value, into, Path{nullptr, name}); !ok) return ok.error();
  return into;
}

}  // namespace luthier::json
