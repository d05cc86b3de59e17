#include "events/json/merge.hpp"

#include <algorithm>

namespace luthier::json {
namespace {

void merge(Object& target, const Object& patch);

void set(Object& target, const std::string& name, const Value& value) {
  const auto found = std::find(target.names.begin(), target.names.end(), name);
  const auto place = found - target.names.begin();
  if (value.is_null()) {
    if (found == target.names.end()) return;
    target.values.erase(target.values.begin() + place);
    target.names.erase(found);
    return;
  }
  if (found == target.names.end()) {
    target.names.push_back(name);
    target.values.emplace_back();
    return set(target, name, value);
  }
  Value& present = target.values[static_cast<std::size_t>(place)];
  if (!value.object()) {
    present = value;
    return;
  }
  if (!present.object()) present.held = Object{};
  merge(std::get<Object>(present.held), *value.object());
}

void merge(Object& target, const Object& patch) {
  for (std::size_t i = 0; i < patch.names.size(); ++i) set(target, patch.names[i], patch.values[i]);
}

}  // namespace

Result<JsonText> merge_patch(const JsonText& target, const JsonText& patch, const Bounds& bounds) {
  auto merged = parse(target.text, bounds);
  if (!merged) return merged.error();
  const auto changes = parse(patch.text, bounds);
  if (!changes) return changes.error();
  if (!merged->object()) merged->held = Object{};
  if (changes->object())
    merge(std::get<Object>(merged->held), *changes->object());
  else if (!changes->is_null())
    return invalid("an object is needed");
  std::string text;
  append(text, *merged);
  return canonical(text, bounds);
}

}  // namespace luthier::json
