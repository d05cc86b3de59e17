// The query of a list: its parameters, and a filter in any of its three spellings, asked of a row.
#include "actors/rest/filter.hpp"
#include "actors/rest/json.hpp"
#include "actors/rest/query.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const rest::FilterRules rules{.fields = {"status", "parent", "spec.*"}, .any_data = true, .presence_fields = {"base"}, .time_fields = {"ended_at"}};
  static const auto row = rest::Json::parse(R"({"id": "m-1", "name": "a\u00e9", "workspace": "w", "created_at": "2026-01-02T03:04:05Z", "status": "1.5",
    "ended_at": "2026-01-02", "base": null, "parent": ["x", 1, null], "spec": {"a": {"b": [true, 2]}}, "data": {"x": {"y": "z%_"}, "n": -0.0}})");
  const auto query = rest::Query::parse(fuzz::text_of(data, size));
  const auto* parameters = std::get_if<rest::Query>(&query);
  if (!parameters) return 0;
  const auto parsed = rest::parse_filter(*parameters, rules);
  if (const auto* filter = std::get_if<rest::Filter>(&parsed)) {
    (void)filter->matches(row);
    (void)filter->matches(rest::Json::object());
    (void)rest::dump(filter->echo());
  } else if (const int status = std::get<rest::Answer>(parsed).status; status < 400 || status >= 500) {
    std::abort();  // a client's mistake is told as one
  }
  return 0;
}
