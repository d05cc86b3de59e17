#include "actors/rest/query_fields.hpp"

#include "actors/rest/page.hpp"
#include "actors/rest/schema_node.hpp"

namespace luthier::rest {
namespace {

// Clients put lists behind one name with commas between, or repeat the name.
Json list_in(const std::vector<std::string_view>& values) {
  Json list = Json::array();
  for (std::string_view value : values)
    for (;;) {
      const auto comma = value.find(',');
      list.push_back(value.substr(0, comma));
      if (comma == value.npos) break;
      value.remove_prefix(comma + 1);
    }
  return list;
}

}  // namespace

Or<Json> read_query(const Query& query, const std::vector<QueryField>& fields) {
  Json given = Json::object();
  std::vector<Field> declared;
  for (const auto& [field, description] : fields) {
    declared.push_back(field);
    const auto values = query.all(field.name);
    if (values.empty()) continue;
    const bool is_list = std::holds_alternative<ListRules>(field.schema.node().rules);
    append_member(given, field.name, is_list ? list_in(values) : Json(values.back()));
  }
  return validated(object(std::move(declared)), given, Json::array({"query"}));
}

std::vector<QueryField> page_fields(const PageRules& rules) {
  auto size = integer().at_least(1);
  if (rules.size_max > 0) size = size.at_most(rules.size_max);
  auto sort = text();
  if (!rules.sorts.empty()) {
    std::vector<std::string> choices;
    for (const auto& field : rules.sorts) choices.insert(choices.end(), {field, "-" + field});
    sort = one_of(std::move(choices));
  }
  return {{optional("page", integer().at_least(1), 1), "The page, counted from 1."},
          {optional("page_size", std::move(size), rules.size_default), "Rows on a page."},
          {optional("sort", std::move(sort), rules.sort_default), "A field to sort by; with a minus in front of it, descending."},
          {maybe("filter", text()),
           "Conditions as JSON ({\"name\": {\"$like\": \"x\"}}), as text (name~\"x\"), or as filter[name][$like]=x."}};
}

Schema page_schema(const Schema& row) {
  const auto pagination = object({required("page", integer().at_least(1)), required("page_size", integer().at_least(1)),
                                  required("current_page_size", integer().at_least(0)), required("total_pages", integer().at_least(0)),
                                  required("total_results", integer().at_least(0))})
                              .named("Pagination");
  return object({required("data", list_of(row)), required("pagination", pagination), required("sort", text()),
                 maybe("filter", map_of(any()).described("The filter as it was understood; absent without one."))})
      .named(row.node().component + "Page");
}

}  // namespace luthier::rest
