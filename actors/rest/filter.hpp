// The `filter` of a list, in its three spellings (JSON, text, brackets), compiled once and then asked of each row.
//
//   $not is the complement: it holds for exactly the rows for which its operand does not, those without the member included.
//   $eq null holds where the member is absent or null. A comparison with anything else never holds there.
//   Times are compared as times; numbers as numbers, also with a text that spells one; text by its bytes; $like is "contains",
//   without regard to the case of ASCII letters, with % and _ as wildcards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/rest/answer.hpp"
#include "actors/rest/query.hpp"

namespace luthier::rest {

// id, name, workspace, created_at, updated_at, entity_type, project are fields of every list.
struct FilterRules {
  std::vector<std::string> fields = {};           // of this list; "spec.*" allows every path that starts with "spec."
  bool any_data = false;                     // `data.<path>` with any path
  std::vector<std::string> presence_fields = {};  // true and false ask whether they are set (null and an empty list are not)
  std::vector<std::string> time_fields = {};      // beside created_at and updated_at
  // Where a field is in a row, when that is not its name: {"data.base_model", "base_model"}. A name that ends in a dot renames what
  // starts with it: {"data.", ""}.
  std::map<std::string, std::string> renamed = {};
  std::vector<std::string> relations = {};  // fields that stand for other rows: "adapters"
  // Fields that only the top level may have, combined by AND. The route answers for them (Filter::equals); matches() passes over them.
  std::vector<std::string> top_only = {};
};

// Who knows the rows that stand in a relation to one.
class Relation {
 public:
  virtual ~Relation() = default;
  // Whether a related row exists for which `fits` holds. It is given the object that has the fields which filters name: for an
  // adapter of the entity store its `data`. `body` is the row that is asked about.
  virtual bool any(std::string_view relation, const Json& body, const std::function<bool(const Json& related)>& fits) const = 0;
};

struct FilterNode;

// Immutable, shared, cheap to copy; may be asked by several threads at once.
class Filter {
 public:
  Filter();  // holds for every row
  explicit Filter(std::shared_ptr<const FilterNode> root, Json echo);

  // Without a hook, a relation has no rows.
  bool matches(const Json& body, const Relation* hook = nullptr) const;
  bool empty() const { return echo_->empty(); }
  // What a list repeats under "filter": {"name": {"$eq": "x"}}; {} when empty.
  const Json& echo() const { return *echo_; }
  // The operand of a plain equality at the top level, for an index or for a field that the route answers for.
  std::optional<Json> equals(std::string_view field) const;
  std::optional<bool> equals_flag(std::string_view field) const;  // true, "true", false, "false"

 private:
  std::shared_ptr<const FilterNode> root_;  // null: nothing is asked
  std::shared_ptr<const Json> echo_;
};

inline constexpr std::size_t filter_bytes_max = 16 * 1024, filter_depth_max = 16, filter_conditions_max = 256, like_bytes_max = 1000;
// 400 with a sentence that names the unknown field (and lists the valid ones), the unknown operator, or the place of the mistake.
Or<Filter> parse_filter(const Query& query, const FilterRules& rules);
// The same from its JSON form.
Or<Filter> filter_of(const Json& form, const FilterRules& rules);

}  // namespace luthier::rest
