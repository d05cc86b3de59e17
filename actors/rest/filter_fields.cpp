// Which fields the filter of a list may name, and where they are in a row.
#include <algorithm>
#include <array>
#include <set>

#include "actors/rest/filter_compile.hpp"
#include "actors/rest/problem_place.hpp"

namespace luthier::rest {
namespace {

constexpr std::array base_fields{"id", "name", "workspace", "created_at", "updated_at", "entity_type", "project"};

template <class List>
bool has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

FieldPath path_of(const FilterRules& rules, const std::string& name) {
  if (const auto exact = rules.renamed.find(name); exact != rules.renamed.end()) return split_path(exact->second);
  for (const auto& [start, path] : rules.renamed)
    if (start.ends_with('.') && name.starts_with(start)) return split_path(path + name.substr(start.size()));
  return split_path(name);
}

}  // namespace

bool FilterFields::is_allowed(std::string_view name) const {
  if (has(base_fields, name) || has(rules_.fields, name) || has(rules_.presence_fields, name) || has(rules_.time_fields, name) ||
      has(rules_.relations, name) || has(rules_.top_only, name) || (rules_.renamed.count(std::string(name)) > 0 && !name.ends_with('.')))
    return true;
  if (rules_.any_data && name.starts_with("data.") && !name.ends_with('.') && name.find("..") == name.npos) return true;
  return std::any_of(rules_.fields.begin(), rules_.fields.end(), [&](const std::string& field) {
    return field.ends_with(".*") && name.size() >= field.size() && name.starts_with(std::string_view(field).substr(0, field.size() - 1));
  });
}

bool FilterFields::is_prefix(std::string_view name) const {
  const std::string start = std::string(name) + ".";
  const auto goes_on = [&](const std::string& field) { return field.starts_with(start); };
  return (rules_.any_data && name == "data") || std::any_of(rules_.fields.begin(), rules_.fields.end(), goes_on) ||
         std::any_of(rules_.renamed.begin(), rules_.renamed.end(), [&](const auto& pair) { return goes_on(pair.first); });
}

bool FilterFields::is_top_only(std::string_view name) const { return has(rules_.top_only, name); }
bool FilterFields::is_relation(std::string_view name) const { return has(rules_.relations, name); }

FilterField FilterFields::find(const std::string& name) const {
  return {name, path_of(rules_, name), name == "created_at" || name == "updated_at" || has(rules_.time_fields, name),
          has(rules_.presence_fields, name)};
}

void FilterFields::refuse(std::string_view name) const {
  std::set<std::string> valid(base_fields.begin(), base_fields.end());
  for (const auto* list : {&rules_.fields, &rules_.presence_fields, &rules_.time_fields, &rules_.relations, &rules_.top_only})
    valid.insert(list->begin(), list->end());
  for (const auto& [field, path] : rules_.renamed)
    if (!field.ends_with('.')) valid.insert(field);
  if (rules_.any_data) valid.insert("data.<member>");
  std::string sentence = "The filter names an unknown field '" + excerpt(name, 64) + "'; valid fields: ";
  for (const auto& field : valid) sentence += (field == *valid.begin() ? "" : ", ") + field;
  refuse_filter(sentence + ".");
}

}  // namespace luthier::rest
