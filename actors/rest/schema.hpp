// The shape of a body or of a query, declared once: the same declaration checks a value, fills in defaults and becomes JSON Schema
// in the OpenAPI document. Types and messages of problems are those that the contract's clients know.
//
//   const auto create_model = object({required("name", entity_name()), optional("description", text().length(0, 1000)),
//                                     optional("rank", integer().above(0).at_most(4096), 8), maybe("enabled", boolean())})
//                                 .extra(Extra::forbid).named("CreateModel");
//   auto [value, problems] = validate(create_model, body);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/rest/answer.hpp"
#include "actors/rest/json.hpp"

namespace luthier::rest {

enum class Extra { ignore, forbid, keep };  // members that an object does not declare
struct Field;
struct SchemaNode;

// Immutable once built, shared, cheap to copy. Every refinement gives a new one. A refinement that does not suit the kind (a pattern
// of an integer) is a mistake of ours and asserts.
class Schema {
 public:
  // What is wrong with a value that is otherwise right; nothing when nothing is.
  using Check = std::function<std::optional<std::string>(const Json&)>;
  static constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

  Schema();  // any()
  explicit Schema(std::shared_ptr<const SchemaNode> node);

  // Text. Patterns are PCRE2's, searched for and not anchored unless they say so; `message` replaces the usual message and makes the
  // problem a `value_error`; "{}" in it stands for the text that was given. Lengths count code points.
  Schema pattern(std::string_view regex, std::string_view message = {}) const;
  Schema length(std::size_t min, std::size_t max = no_limit) const;
  Schema format(std::string_view name) const;  // documentation only: "date-time", "binary"

  Schema at_least(double bound) const;  // integer and number
  Schema above(double bound) const;
  Schema at_most(double bound) const;
  Schema below(double bound) const;

  Schema items(std::size_t min, std::size_t max = no_limit) const;  // lists and maps
  Schema extra(Extra what) const;                                   // objects; `ignore` when not said

  Schema or_null() const;
  Schema secret() const;  // the value, and whatever contains it, is never repeated in a problem
  Schema check(Check rule) const;  // after everything else was found right; problem `value_error`, "Value error, <what it says>"
  Schema described(std::string_view sentence) const;
  Schema named(std::string_view component) const;  // the OpenAPI component's name

  const SchemaNode& node() const { return *node_; }

 private:
  template <class Change>
  Schema changed(Change change) const;
  std::shared_ptr<const SchemaNode> node_;
};

Schema any();
Schema text();
Schema integer();
Schema number();
Schema boolean();
Schema literal(Json value);
Schema one_of(std::vector<std::string> values);
Schema list_of(Schema item);
Schema map_of(Schema value);  // an object with any member names
Schema object(std::vector<Field> fields);
// Objects told apart by the text of one member, which each of them declares itself (or leaves out: it is kept either way).
Schema tagged(std::string_view member, std::vector<std::pair<std::string, Schema>> variants);
// The first that fits as it is; when none does, the first that fits after a lax reading ("5" as 5).
Schema any_of(std::vector<Schema> choices);
Schema timestamp();  // text with the format date-time; not checked

struct Field {
  std::string name;
  Schema schema;
  bool required = false;
  std::optional<Json> fallback;  // for an absent member; without one, what is absent stays absent
};
Field required(std::string_view name, Schema schema);
// The fallback is completed by the schema: `optional("lora", lora_schema, Json::object())` gives all of its defaults. A null fallback
// makes the member nullable.
Field optional(std::string_view name, Schema schema, Json fallback = nullptr);
Field maybe(std::string_view name, Schema schema);  // absent stays absent, as a PATCH needs it; nullable only by .or_null()

struct Validated {
  Json value;  // with defaults and in the declared order; only of use when there are no problems
  std::vector<Problem> problems;
};
inline constexpr std::size_t problems_max = 64, input_bytes_max = 1024;
Validated validate(const Schema& schema, const Json& value, Json loc = Json::array({"body"}));
Or<Json> validated(const Schema& schema, const Json& value, Json loc = Json::array({"body"}));  // the value, or the 422
// The same for a body's text: 422 `json_invalid` as well. An empty body reads as null.
Or<Json> read_body(const Schema& schema, std::string_view body, const BodyBounds& bounds = {});

// JSON Schema 2020-12. Schemas with a name are put into `components` (an object) and referred to.
Json json_schema(const Schema& schema, Json& components);

}  // namespace luthier::rest
