#include "actors/rest/page.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "actors/rest/filter_node.hpp"
#include "actors/rest/lax.hpp"
#include "actors/rest/problem_place.hpp"
#include "actors/rest/schema.hpp"

namespace luthier::rest {
namespace {

constexpr std::array sorts_of_any{"created_at", "updated_at", "name"};

// A number of the query, checked like a member of a body; the default when it is not there.
std::int64_t take_number(const Query& query, std::string_view name, std::int64_t fallback, std::int64_t max,
                         std::vector<Problem>& problems) {
  const auto* text = query.find(name);
  if (!text) return fallback;
  auto schema = integer().at_least(1);
  if (max > 0) schema = schema.at_most(static_cast<double>(max));
  auto [value, found] = validate(schema, *text, Json::array({"query", name}));
  problems.insert(problems.end(), found.begin(), found.end());
  return found.empty() ? value.get<std::int64_t>() : fallback;
}

std::string_view field_of(std::string_view sort) { return sort.starts_with('-') ? sort.substr(1) : sort; }

bool is_sort(std::string_view sort, const std::vector<std::string>& sorts) {
  const auto field = field_of(sort);
  if (!sorts.empty()) return std::find(sorts.begin(), sorts.end(), field) != sorts.end();
  if (std::find(sorts_of_any.begin(), sorts_of_any.end(), field) != sorts_of_any.end()) return true;
  return field.starts_with("data.") && field.size() > 5 && !field.ends_with('.') && field.find("..") == field.npos;
}

std::string take_sort(const Query& query, const PageRules& rules, std::vector<Problem>& problems) {
  const auto* text = query.find("sort");
  if (!text || text->empty()) return rules.sort_default;
  if (is_sort(*text, rules.sorts)) return *text;
  std::vector<std::string> choices;
  for (const auto& field : rules.sorts.empty() ? std::vector<std::string>(sorts_of_any.begin(), sorts_of_any.end()) : rules.sorts)
    choices.insert(choices.end(), {field, "-" + field});
  if (rules.sorts.empty()) choices.insert(choices.end(), {"data.<member>", "-data.<member>"});
  const auto expected = quoted_choices(choices);
  problems.push_back({.type = "enum",
                      .loc = {"query", "sort"},
                      .msg = "Input should be " + expected,
                      .input = input_of(*text),
                      .ctx = Json::object({{"expected", expected}})});
  return rules.sort_default;
}

// What a row is sorted by. Values of different kinds: none, then flags, numbers, texts.
struct SortKey {
  int kind = 0;
  double number = 0;
  std::string_view text;

  bool operator<(const SortKey& other) const {
    if (kind != other.kind) return kind < other.kind;
    return kind == 3 ? text < other.text : number < other.number;
  }
};

SortKey key_of(const Json* value) {
  if (!value) return {};
  if (value->is_boolean()) return {1, value->get<bool>() ? 1.0 : 0.0, {}};
  if (value->is_number()) return {2, value->get<double>(), {}};
  if (const auto* text = value->get_ptr<const std::string*>()) return {3, 0, *text};
  return {};
}

// Brings the rows up to `end` into their places; those after it are of no interest. `rows` is in the order of creation.
void sort_rows(std::vector<const Row*>& rows, std::string_view sort, std::size_t end) {
  const bool descending = sort.starts_with('-');
  if (field_of(sort) == "created_at") {
    if (descending) std::reverse(rows.begin(), rows.end());
    return;
  }
  struct Keyed {
    SortKey key;
    std::size_t place;
  };
  const auto path = split_path(field_of(sort));
  std::vector<Keyed> keyed;
  keyed.reserve(rows.size());
  for (const auto* row : rows) keyed.push_back({key_of(member_at(*row->body, path)), keyed.size()});
  // Rows without the member last, or first when descending: as after every other value.
  const auto before = [descending](const Keyed& one, const Keyed& other) {
    const bool one_lacks = one.key.kind == 0, other_lacks = other.key.kind == 0;
    if (one_lacks != other_lacks) return descending ? one_lacks : other_lacks;
    if (one.key < other.key) return !descending;
    if (other.key < one.key) return descending;
    return one.place < other.place;
  };
  if (end > keyed.size() / 4)
    std::sort(keyed.begin(), keyed.end(), before);
  else
    std::partial_sort(keyed.begin(), keyed.begin() + static_cast<std::ptrdiff_t>(end), keyed.end(), before);
  std::vector<const Row*> sorted(end);
  for (std::size_t i = 0; i < end; ++i) sorted[i] = rows[keyed[i].place];
  rows = std::move(sorted);
}

std::string list_text(const Row* const* rows, std::size_t count) {
  std::size_t bytes = 16;
  for (std::size_t i = 0; i < count; ++i) bytes += rows[i]->text->size() + 1;
  std::string out;
  out.reserve(bytes + 512);
  out = "{\"data\":[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += *rows[i]->text;
  }
  return out += ']';
}

std::string pagination_text(const PageRequest& request, std::size_t shown, std::int64_t pages, std::size_t total) {
  return ",\"pagination\":{\"page\":" + std::to_string(request.page) + ",\"page_size\":" + std::to_string(request.size) +
         ",\"current_page_size\":" + std::to_string(shown) + ",\"total_pages\":" + std::to_string(pages) +
         ",\"total_results\":" + std::to_string(total) + "}";
}

}  // namespace

Or<PageRequest> parse_page(const Query& query, const PageRules& rules) {
  std::vector<Problem> found;
  PageRequest request;
  request.page = take_number(query, "page", 1, 0, found);
  request.size = take_number(query, "page_size", rules.size_default, rules.size_max, found);
  request.sort = take_sort(query, rules, found);
  request.pages_when_empty = rules.pages_when_empty;
  request.echoes_filter = rules.echoes_filter;
  if (!found.empty()) return problems(found);
  return request;
}

Answer page_answer(const std::vector<Row>& rows, const Filter& filter, const PageRequest& request, const Relation* hook,
                   const Json& added) {
  std::vector<const Row*> seen;
  seen.reserve(rows.size());
  for (const auto& row : rows)
    if (filter.matches(*row.body, hook)) seen.push_back(&row);

  const std::size_t total = seen.size(), size = static_cast<std::size_t>(request.size);
  const std::size_t pages = total == 0 ? 0 : (total - 1) / size + 1;
  const std::size_t page = static_cast<std::size_t>(request.page) - 1;  // from 0; it may lie far behind the end
  const std::size_t begin = page < pages ? page * size : total;
  const std::size_t shown = std::min(size, total - begin);
  if (shown > 0) sort_rows(seen, request.sort, begin + shown);

  std::string body = list_text(seen.data() + begin, shown);
  body += pagination_text(request, shown, total == 0 ? request.pages_when_empty : static_cast<std::int64_t>(pages), total);
  body += ",\"sort\":" + dump(request.sort);
  Json echo = added;
  if (request.echoes_filter)
    for (const auto& [name, value] : filter.echo().get_ref<const Json::object_t&>()) append_member(echo, name, value);
  if (!echo.empty()) body += ",\"filter\":" + dump(echo);
  return {.status = 200, .body = std::move(body += '}')};
}

Answer list_answer(const std::vector<Row>& rows) {
  std::vector<const Row*> all;
  all.reserve(rows.size());
  for (const auto& row : rows) all.push_back(&row);
  return {.status = 200, .body = list_text(all.data(), all.size()) + "}"};
}

}  // namespace luthier::rest
