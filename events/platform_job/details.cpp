#include "events/platform_job/details.hpp"

#include <algorithm>
#include <cassert>

#include "events/json/value.hpp"

namespace luthier::events {

JsonText with_members(const JsonText& target, const JsonText& patch) {
  auto merged = json::parse(target.text);
  auto changes = json::parse(patch.text);
  assert(merged && merged->object() && changes && changes->object());
  auto& into = std::get<json::Object>(merged->held);
  auto& from = std::get<json::Object>(changes->held);
  for (std::size_t i = 0; i < from.names.size(); ++i) {
    const auto place = static_cast<std::size_t>(std::find(into.names.begin(), into.names.end(), from.names[i]) - into.names.begin());
    if (place < into.names.size()) {
      into.values[place] = std::move(from.values[i]);
    } else {
      into.names.push_back(std::move(from.names[i]));
      into.values.push_back(std::move(from.values[i]));
    }
  }
  JsonText text;
  text.text.clear();
  json::append(text.text, *merged);
  return text;
}

}  // namespace luthier::events
