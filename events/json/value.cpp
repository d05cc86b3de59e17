#include "events/json/value.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <numeric>

#include "events/base/overloaded.hpp"
#include "events/json/utf8.hpp"

namespace luthier::json {
namespace {

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

// A character that is not plain.
void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

void append_object(std::string& out, const Object& object, Order order) {
  std::vector<std::size_t> places(object.names.size());
  std::iota(places.begin(), places.end(), 0);
  if (order == Order::by_name)
    std::sort(places.begin(), places.end(), [&](auto a, auto b) { return object.names[a] < object.names[b]; });
  char separator = '{';
  for (const std::size_t place : places) {
    out += separator;
    append(out, std::string_view(object.names[place]));
    out += ':';
    append(out, object.values[place], order);
    separator = ',';
  }
  out += places.empty() ? "{}" : "}";
}

void append_array(std::string& out, const Array& array, Order order) {
  out += '[';
  for (const Value& value : array) {
    if (&value != &array.front()) out += ',';
    append(out, value, order);
  }
  out += ']';
}

}  // namespace

const Value* Value::find(std::string_view name) const {
  const Object* members = object();
  if (!members) return nullptr;
  const auto found = std::find(members->names.begin(), members->names.end(), name);
  return found == members->names.end() ? nullptr : &members->values[static_cast<std::size_t>(found - members->names.begin())];
}

void append(std::string& out, std::string_view text) {
  if (!is_utf8(text)) {
    append(out, std::string_view(repaired_utf8(text)));
    return;
  }
  out += '"';
  for (;;) {
    const auto special = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
    out += text.substr(0, special);
    if (special == text.size()) break;
    append_escaped(out, text[special]);
    text.remove_prefix(special + 1);
  }
  out += '"';
}

void append(std::string& out, std::int64_t number) { out += std::to_string(number); }

void append(std::string& out, double number) {
  assert(std::isfinite(number));
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  const std::string_view digits(text, static_cast<std::size_t>(end - text));
  out += digits;
  if (digits.find_first_of(".e") == digits.npos) out += ".0";
}

void append(std::string& out, const Value& value, Order order) {
  std::visit(overloaded{
                 [&](std::nullptr_t) { out += "null"; },
                 [&](bool flag) { append(out, flag); },
                 [&](std::int64_t number) { append(out, number); },
                 [&](double number) { append(out, number); },
                 [&](const std::string& text) { append(out, std::string_view(text)); },
                 [&](const Array& array) { append_array(out, array, order); },
                 [&](const Object& object) { append_object(out, object, order); },
             },
             value.held);
}

Result<JsonText> canonical(std::string_view text, const Bounds& bounds, Order order) {
  auto value = parse(text, bounds);
  if (!value) return value.error();
  JsonText out{""};
  append(out.text, *value, order);
  return out;
}

}  // namespace luthier::json
