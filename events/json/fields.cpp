#include "events/json/fields.hpp"

#include <algorithm>
#include <cassert>

#include "events/json/utf8.hpp"

namespace luthier::json {
namespace {

// A name that a stranger chose, as a message shows it: short, and in one line.
std::string shown(std::string_view name) {
  std::string text = repaired_utf8(name, 100);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text;
}

}  // namespace

std::string Path::text() const {
  std::string before = parent ? parent->text() : "";
  if (name.empty() && parent) return before + "[" + std::to_string(index) + "]";
  if (!before.empty()) before += '.';
  return before.append(name);
}

Error error_at(const Path& path, std::string what) {
  std::string field = path.text();
  std::string message = field.empty() ? std::move(what) : field + ": " + what;
  return invalid(std::move(message), std::move(field));
}

Result<void> read(const Value& value, bool& into, const Path& path) {
  const bool* flag = std::get_if<bool>(&value.held);
  if (!flag) return error_at(path, "true or false is needed");
  into = *flag;
  return {};
}

Result<void> read(const Value& value, std::int64_t& into, const Path& path) {
  const std::int64_t* number = std::get_if<std::int64_t>(&value.held);
  if (!number) return error_at(path, "a whole number is needed");
  into = *number;
  return {};
}

Result<void> read(const Value& value, double& into, const Path& path) {
  if (const double* number = std::get_if<double>(&value.held))
    into = *number;
  else if (const std::int64_t* whole = std::get_if<std::int64_t>(&value.held))
    into = static_cast<double>(*whole);
  else
    return error_at(path, "a number is needed");
  if (!std::isfinite(into)) return error_at(path, "a finite number is needed");
  return {};
}

Result<void> read(const Value& value, std::string& into, const Path& path) {
  if (!value.text()) return error_at(path, "a text is needed");
  into = *value.text();
  return {};
}

Result<void> read(const Value& value, JsonText& into, const Path&) {
  into.text.clear();
  append(into.text, value);
  return {};
}

Result<void> expect_object(const Value& value, const Path& path) {
  if (!value.object()) return error_at(path, "an object is needed");
  return {};
}

Result<void> refuse_others(const Object& object, const std::vector<std::string_view>& known, const Path& path) {
  for (const std::string_view name : object.names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return error_at(Path{&path, shown(name)}, "there is no such member");
  return {};
}

void append(std::string& out, const JsonText& embedded) {
  if (embedded.text == "{}") {  // most of them
    out += embedded.text;
    return;
  }
  const auto text = canonical(embedded.text);
  assert(text);
  out += text->text;
}

void append_name(std::string& out, std::string_view name, bool& first) {
  if (!first) out += ',';
  first = false;
  append(out, name);
  out += ':';
}

}  // namespace luthier::json
