// JSON in and out of template values: Python's json.dumps for the filter `tojson`, and parsing that keeps the order of
// members and is bounded.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "events/base/result.hpp"
#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

struct DumpOptions {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // of one level
  std::optional<std::string> item_separator, key_separator;
};

std::string dump_json(const Value& value, const DumpOptions& options, Budget& budget);

// Throws Failure for what no template can hold.
Value from_json(const nlohmann::ordered_json& json, Budget& budget);

// One JSON text, at most 200 levels deep. Of a member that is there twice the last value counts, as in Python. `members`: those of
// the outermost object that are wanted; none named: all.
Result<Value> parse_json(std::string_view text, Budget& budget, std::span<const std::string_view> members = {});

}  // namespace luthier::text::jinja
