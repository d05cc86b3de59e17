// A page of a list: what the query asks for, and its answer put together from rows that are rendered already.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "actors/rest/filter.hpp"
#include "actors/rest/query.hpp"

namespace luthier::rest {

struct PageRules {
  int size_default = 100;
  int size_max = 1000;  // 0: none
  // What can be sorted by, without the minus. Empty: created_at, updated_at, name and any data.<field>.
  std::vector<std::string> sorts = {};
  std::string sort_default = "-created_at";
  int pages_when_empty = 1;  // `total_pages` of a list without rows
  bool echoes_filter = true;
};

struct PageRequest {
  std::int64_t page = 1;
  std::int64_t size = 100;
  std::string sort;  // "-created_at"
  int pages_when_empty = 1;
  bool echoes_filter = true;
};

struct Row {
  const Json* body;         // as its own GET shows it: filters and sorting look here
  const std::string* text;  // as a list shows it (nulls left out), rendered already
};

// 422 with problems at ["query", "page"], ["query", "page_size"], ["query", "sort"].
Or<PageRequest> parse_page(const Query& query, const PageRules& rules);

// `rows`: all that the caller may see, in the order of their creation, which is what sorting by created_at relies on. Sorting keeps that
// order among equals; rows without the sorted member come last, or first when descending. `added` is what the route itself filters
// by, for the echo: {"job": "x"}.
Answer page_answer(const std::vector<Row>& rows, const Filter& filter, const PageRequest& request, const Relation* hook = nullptr,
                   const Json& added = Json::object());
// {"data": [...]} of all rows, for lists without pages.
Answer list_answer(const std::vector<Row>& rows);

}  // namespace luthier::rest
