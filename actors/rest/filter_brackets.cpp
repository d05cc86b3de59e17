// filter[name][$like]=d% as {"name": {"$like": "d%"}}
#include "actors/rest/filter_node.hpp"
#include "actors/rest/problem_place.hpp"

namespace luthier::rest {
namespace {

// "filter[a][b]": a, b. Empty when the brackets are wrong.
std::vector<std::string> steps_of(std::string_view name) {
  std::vector<std::string> steps;
  name.remove_prefix(name.find('['));
  while (!name.empty()) {
    // A step may itself have a pair of brackets, data["key"]: the end is the bracket before the next step or at the very end.
    auto close = name.find("][");
    if (close == name.npos) close = name.size() - 1;
    if (name.front() != '[' || name[close] != ']' || close < 2) return {};
    steps.emplace_back(name.substr(1, close - 1));
    name.remove_prefix(close + 1);
  }
  return steps;
}

Json list_of_texts(std::string_view value) {
  Json list = Json::array();
  for (;;) {
    const auto comma = value.find(',');
    list.push_back(value.substr(0, comma));
    if (comma == value.npos) return list;
    value.remove_prefix(comma + 1);
  }
}

// Operators that take exactly the text that is there, commas and all.
bool takes_text(std::string_view op) { return op == "$like" || op == "$lt" || op == "$lte" || op == "$gt" || op == "$gte"; }

Or<Json> value_of(const std::string& value, const std::optional<std::string>& op) {
  if (value.empty()) return Json(nullptr);
  if (op && takes_text(*op)) return Json(value);
  if (value.front() == '{' || value.front() == '[') return json_of_filter(value);
  return value.find(',') == value.npos ? Json(value) : list_of_texts(value);
}

// What the same key had before and what it has now, as one list.
void join(Json& held, Json value) {
  if (!held.is_array()) held = Json::array({std::move(held)});
  if (value.is_array())
    held.insert(held.end(), value.begin(), value.end());
  else
    held.push_back(std::move(value));
}

Json* member(Json& object, const std::string& name) { return const_cast<Json*>(find_member(object, name)); }

// Puts the value at the end of the path. A field that has a plain value as well as operators keeps it as $eq.
void put(Json& at, const std::vector<std::string>& steps, std::size_t depth, Json value) {
  const std::string& name = steps[depth];
  const bool is_last = depth + 1 == steps.size();
  Json* held = member(at, name);
  if (!held) {
    append_member(at, name, is_last ? std::move(value) : Json::object());
    if (is_last) return;
    held = member(at, name);
  } else if (is_last) {
    if (held->is_object())
      put(*held, {"$eq"}, 0, std::move(value));
    else
      join(*held, std::move(value));
    return;
  } else if (!held->is_object()) {
    Json plain = Json::object({{held->is_array() ? "$in" : "$eq", *held}});
    *held = std::move(plain);
  }
  put(*held, steps, depth + 1, std::move(value));
}

}  // namespace

Or<Json> filter_of_brackets(const std::vector<const Query::Parameter*>& parameters) {
  Json form = Json::object();
  std::size_t bytes = 0;
  for (const auto* parameter : parameters) {
    const auto& [name, text] = *parameter;
    if (bytes += name.size() + text.size(); bytes > filter_bytes_max)
      return detail(400, "The filter has more than " + std::to_string(filter_bytes_max) + " bytes.");
    auto steps = steps_of(name);
    if (steps.empty() || steps.size() > filter_depth_max)
      return detail(400, "The filter parameter '" + excerpt(name, 64) + "' is not of the form filter[field] or filter[field][$operator].");
    const auto op = steps.size() > 1 || steps.back().starts_with('$') ? operator_of(steps.back()) : std::nullopt;
    auto value = value_of(text, op);
    if (auto* refusal = std::get_if<Answer>(&value)) return std::move(*refusal);
    // A comma makes a list, and to equal a list of texts is to be one of them.
    if (op == "$eq" && std::get<Json>(value).is_array() && text.front() != '[') steps.back() = "$in";
    put(form, steps, 0, std::move(std::get<Json>(value)));
  }
  return form;
}

}  // namespace luthier::rest
