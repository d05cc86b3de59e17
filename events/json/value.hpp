// A JSON value as a tree, strict reading and canonical writing. Members keep their order; whole numbers stay whole.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/base/event_type.hpp"
#include "events/base/result.hpp"

namespace luthier::json {

struct Value;
using Array = std::vector<Value>;
struct Object {  // the i-th name is that of the i-th value
  std::vector<std::string> names;
  std::vector<Value> values;
};

struct Value {
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> held = nullptr;

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(held); }
  const std::string* text() const { return std::get_if<std::string>(&held); }
  const Array* array() const { return std::get_if<Array>(&held); }
  const Object* object() const { return std::get_if<Object>(&held); }
  // The member of that name; null when there is none, or when this is no object.
  const Value* find(std::string_view name) const;
};

struct Bounds {
  std::size_t bytes_max = 16 * 1024 * 1024;
  std::size_t depth_max = 128;  // objects and arrays inside each other
};

// Refuses what JSON does not allow, and a member that is there twice. Never deeper or longer than the bounds.
Result<Value> parse(std::string_view text, const Bounds& bounds = {});

enum class Order { as_given, by_name };
void append(std::string& out, const Value& value, Order order = Order::as_given);
void append(std::string& out, std::string_view text);  // what is not UTF-8 becomes U+FFFD, so that it can be read again
void append(std::string& out, std::int64_t number);
void append(std::string& out, double number);  // finite; always with a point or an exponent
void append(std::string& out, std::same_as<bool> auto flag) {  // exactly bool, which a pointer would turn into as well
  out += flag ? "true" : "false";
}

// The text without blanks, numbers in one spelling, members in their order (or by name, for a digest).
Result<JsonText> canonical(std::string_view text, const Bounds& bounds = {}, Order order = Order::as_given);

}  // namespace luthier::json
