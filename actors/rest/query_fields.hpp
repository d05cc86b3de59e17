// Parameters of a query that are no page and no filter: declared, checked and documented like members of a body.
#pragma once

#include <string>
#include <vector>

#include "actors/rest/query.hpp"
#include "actors/rest/schema.hpp"

namespace luthier::rest {

struct PageRules;

struct QueryField {
  Field field;  // required(…), optional(…) or maybe(…)
  std::string description = {};
};

// An object with the declared parameters, or 422 with problems at ["query", <name>]. Parameters that nobody declared are ignored.
// Several of one name count as a list where the schema is one, else the last one counts.
Or<Json> read_query(const Query& query, const std::vector<QueryField>& fields);

// page, page_size, sort and filter as the rules have them, for RouteInfo::query.
std::vector<QueryField> page_fields(const PageRules& rules);
// What such a list answers, for RouteInfo::answer. `row` has a name, and the page is named after it.
Schema page_schema(const Schema& row);

}  // namespace luthier::rest
