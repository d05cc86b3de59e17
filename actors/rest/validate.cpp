// Reads a value through a schema. Types and messages of problems are pydantic's, because its clients print and match them.
#include <algorithm>
#include <cmath>
#include <set>

#include "actors/rest/lax.hpp"
#include "actors/rest/problem_place.hpp"
#include "actors/rest/schema_node.hpp"
#include "events/base/overloaded.hpp"
#include "events/json/utf8.hpp"

namespace luthier::rest {
namespace {

using Read = std::optional<Json>;  // nothing: there is a problem

Read read(Json value) { return Read(std::in_place, std::move(value)); }

std::string plural(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

Json number_of(double bound) {
  if (const auto integer = whole(bound)) return *integer;
  return bound;
}

// What a problem calls a choice of a union.
std::string label_of(const SchemaNode& node) {
  if (!node.component.empty()) return node.component;
  return std::visit(overloaded{[](const AnyRules&) -> std::string { return "any"; },
                               [](const BooleanRules&) -> std::string { return "bool"; },
                               [](const TextRules&) -> std::string { return "str"; },
                               [](const NumberRules& rules) -> std::string { return rules.is_whole ? "int" : "float"; },
                               [](const LiteralRules& rules) { return "literal[" + quoted(rules.value) + "]"; },
                               [](const EnumRules&) -> std::string { return "enum"; },
                               [](const ListRules& rules) { return "list[" + label_of(rules.item.node()) + "]"; },
                               [](const MapRules& rules) { return "dict[str," + label_of(rules.value.node()) + "]"; },
                               [](const ObjectRules&) -> std::string { return "object"; },
                               [](const TaggedRules&) -> std::string { return "tagged-union"; },
                               [](const AnyOfRules&) -> std::string { return "union"; }},
                    node.rules);
}

class Reader {
 public:
  enum class Mode { lax, strict };
  explicit Reader(Mode mode, bool quiet = false) : mode_(mode), quiet_(quiet) {}

  Read operator()(const Schema& schema, const Json& value, const Place& place, std::string_view tag_member = {}) {
    const SchemaNode& node = schema.node();
    if (value.is_null() && node.is_nullable) return read(nullptr);
    const SchemaNode* const outer = std::exchange(node_, &node);
    Read out = std::visit([&](const auto& rules) { return take(rules, value, place, tag_member); }, node.rules);
    if (out) out = checked(std::move(out), value, place);
    node_ = outer;
    return out;
  }
  std::vector<Problem> problems;

 private:
  bool is_lax() const { return mode_ == Mode::lax; }
  bool is_over() const { return quiet_ ? failed_ : problems.size() >= problems_max; }

  // A problem of the value that is being read.
  Read fail(std::string_view type, std::string msg, const Json& value, const Place& place,
            Json ctx = Json(Json::value_t::discarded), bool may_repeat = true) {
    failed_ = true;
    if (quiet_ || is_over()) return std::nullopt;
    const bool repeats = may_repeat && !node_->holds_secret;
    problems.push_back({.type = std::string(type),
                        .loc = loc_of(place),
                        .msg = std::move(msg),
                        .input = repeats ? input_of(value) : Json(Json::value_t::discarded),
                        .ctx = std::move(ctx)});
    return std::nullopt;
  }

  Read checked(Read out, const Json& value, const Place& place) {
    for (const auto& check : node_->checks)
      if (auto sentence = check(*out))
        return fail("value_error", "Value error, " + *sentence, value, place, {{"error", Json::object()}});
    return out;
  }

  Read take(const AnyRules&, const Json& value, const Place&, std::string_view) { return read(value); }

  Read take(const BooleanRules&, const Json& value, const Place& place, std::string_view) {
    if (value.is_boolean()) return read(value);
    const bool is_broken = value.is_number_float() && !whole(value.get<double>());
    if (!is_lax() || value.is_null() || value.is_structured() || is_broken)
      return fail("bool_type", "Input should be a valid boolean", value, place);
    const auto* text = value.get_ptr<const std::string*>();
    if (text) {
      if (const auto flag = read_flag(*text)) return read(*flag);
    } else if (const double number = value.get<double>(); number == 0 || number == 1) {
      return read(number == 1);
    }
    return fail("bool_parsing", "Input should be a valid boolean, unable to interpret input", value, place);
  }

  Read take(const TextRules& rules, const Json& value, const Place& place, std::string_view) {
    const auto* text = value.get_ptr<const std::string*>();
    if (!text) return fail("string_type", "Input should be a valid string", value, place);
    if (rules.length_min > 0 || rules.length_max != Schema::no_limit) {
      const auto length = json::count_code_points(*text);
      if (length < rules.length_min)
        return fail("string_too_short", "String should have at least " + plural(rules.length_min, "character"), value, place,
                    {{"min_length", rules.length_min}});
      if (length > rules.length_max)
        return fail("string_too_long", "String should have at most " + plural(rules.length_max, "character"), value, place,
                    {{"max_length", rules.length_max}});
    }
    if (rules.pattern && !rules.pattern->found_in(*text)) return unlike_pattern(rules, *text, value, place);
    return read(value);
  }

  Read unlike_pattern(const TextRules& rules, const std::string& text, const Json& value, const Place& place) {
    if (rules.pattern_message.empty())
      return fail("string_pattern_mismatch", "String should match pattern '" + rules.pattern->text() + "'", value, place,
                  {{"pattern", rules.pattern->text()}});
    std::string sentence = rules.pattern_message;
    if (const auto hole = sentence.find("{}"); hole != sentence.npos)
      sentence.replace(hole, 2, node_->holds_secret ? "…" : excerpt(text));
    return fail("value_error", "Value error, " + sentence, value, place, {{"error", Json::object()}});
  }

  Read take(const NumberRules& rules, const Json& value, const Place& place, std::string_view) {
    Read number = rules.is_whole ? whole_number(value, place) : real_number(value, place);
    if (!number) return number;
    const double held = number->get<double>();
    const auto outside = [&](std::string_view type, std::string_view words, std::string_view name, double bound) {
      return fail(type, "Input should be " + std::string(words) + " " + dump(number_of(bound)), value, place,
                  Json::object({{std::string(name), rules.is_whole ? number_of(bound) : Json(bound)}}));
    };
    if (rules.above && !(held > *rules.above)) return outside("greater_than", "greater than", "gt", *rules.above);
    if (rules.at_least && !(held >= *rules.at_least))
      return outside("greater_than_equal", "greater than or equal to", "ge", *rules.at_least);
    if (rules.below && !(held < *rules.below)) return outside("less_than", "less than", "lt", *rules.below);
    if (rules.at_most && !(held <= *rules.at_most)) return outside("less_than_equal", "less than or equal to", "le", *rules.at_most);
    return number;
  }

  Read whole_number(const Json& value, const Place& place) {
    const auto too_large = [&] {
      return fail("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", value, place);
    };
    if (value.is_number_integer()) return read(value);
    if (value.is_number_float() && is_lax()) {
      const double number = value.get<double>();
      if (const auto integer = whole(number)) return read(*integer);
      if (std::trunc(number) == number) return too_large();
      return fail("int_from_float", "Input should be a valid integer, got a number with a fractional part", value, place);
    }
    if (is_lax() && value.is_boolean()) return read(value.get<bool>() ? 1 : 0);
    const auto* text = value.get_ptr<const std::string*>();
    if (!text || !is_lax()) return fail("int_type", "Input should be a valid integer", value, place);
    NotWhole why{};
    if (const auto integer = read_integer(*text, why)) return read(*integer);
    if (why == NotWhole::too_large) return too_large();
    return fail("int_parsing", "Input should be a valid integer, unable to parse string as an integer", value, place);
  }

  Read real_number(const Json& value, const Place& place) {
    if (value.is_number()) return read(value.get<double>());
    if (is_lax() && value.is_boolean()) return read(value.get<bool>() ? 1.0 : 0.0);
    const auto* text = value.get_ptr<const std::string*>();
    if (!text || !is_lax()) return fail("float_type", "Input should be a valid number", value, place);
    if (const auto number = read_double(*text)) return read(*number);
    return fail("float_parsing", "Input should be a valid number, unable to parse string as a number", value, place);
  }

  Read take(const LiteralRules& rules, const Json& value, const Place& place, std::string_view) {
    if (value.type() == rules.value.type() ? same_json(value, rules.value) : value.is_number() && value == rules.value)
      return read(rules.value);
    const auto expected = quoted(rules.value);
    return fail("literal_error", "Input should be " + expected, value, place, {{"expected", expected}});
  }

  Read take(const EnumRules& rules, const Json& value, const Place& place, std::string_view) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text && std::find(rules.values.begin(), rules.values.end(), *text) != rules.values.end()) return read(value);
    const auto expected = quoted_choices(rules.values);
    return fail("enum", "Input should be " + expected, value, place, {{"expected", expected}});
  }

  // False: too few or too many, and that is said.
  bool fits(const ItemBounds& bounds, std::string_view kind, const Json& value, const Place& place) {
    const auto size = value.size();
    if (size >= bounds.min && size <= bounds.max) return true;
    const bool short_of = size < bounds.min;
    const auto bound = short_of ? bounds.min : bounds.max;
    fail(short_of ? "too_short" : "too_long",
         std::string(kind) + " should have at " + (short_of ? "least " : "most ") + plural(bound, "item") + " after validation, not " +
             std::to_string(size),
         value, place,
         Json::object({{"field_type", kind}, {short_of ? "min_length" : "max_length", bound}, {"actual_length", size}}));
    return false;
  }

  Read take(const ListRules& rules, const Json& value, const Place& place, std::string_view) {
    if (!value.is_array()) return fail("list_type", "Input should be a valid list", value, place);
    if (!fits(rules.bounds, "List", value, place)) return std::nullopt;
    Json out = Json::array();
    out.get_ref<Json::array_t&>().reserve(value.size());
    bool is_right = true;
    for (std::size_t i = 0; i < value.size() && !is_over(); ++i) {
      auto element = (*this)(rules.item, value[i], {.outer = &place, .step = i});
      is_right = is_right && element;
      if (is_right) out.push_back(std::move(*element));
    }
    return is_right ? read(std::move(out)) : std::nullopt;
  }

  Read take(const MapRules& rules, const Json& value, const Place& place, std::string_view) {
    if (!value.is_object()) return fail("dict_type", "Input should be a valid dictionary", value, place);
    if (!fits(rules.bounds, "Dictionary", value, place)) return std::nullopt;
    Json out = Json::object();
    bool is_right = true;
    for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
      if (is_over()) break;
      auto held = (*this)(rules.value, member, {.outer = &place, .step = std::string_view(name)});
      is_right = is_right && held;
      if (is_right) append_member(out, name, std::move(*held));
    }
    return is_right ? read(std::move(out)) : std::nullopt;
  }

  Read take(const ObjectRules& rules, const Json& value, const Place& place, std::string_view tag_member) {
    if (!value.is_object())
      return fail("model_attributes_type", "Input should be a valid dictionary or object to extract fields from", value, place);
    Json out = Json::object();
    bool is_right = true;
    for (const auto& field : rules.fields) {
      if (is_over()) return std::nullopt;
      const Place inner{.outer = &place, .step = std::string_view(field.name)};
      const Json* member = find_member(value, field.name);
      if (!member) {
        if (field.required) {
          fail("missing", "Field required", value, inner);
          is_right = false;
        } else if (field.fallback) {
          append_member(out, field.name, *field.fallback);
        }
        continue;
      }
      auto held = (*this)(field.schema, *member, inner);
      is_right = is_right && held;
      if (is_right) append_member(out, field.name, std::move(*held));
    }
    if (rules.extra != Extra::ignore) is_right = take_extra(rules, value, place, tag_member, out) && is_right;
    return is_right ? read(std::move(out)) : std::nullopt;
  }

  bool take_extra(const ObjectRules& rules, const Json& value, const Place& place, std::string_view tag_member, Json& out) {
    std::set<std::string_view> declared;
    for (const auto& field : rules.fields) declared.insert(field.name);
    bool is_right = true;
    for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
      if (is_over()) break;
      if (declared.count(name) > 0 || name == tag_member) continue;
      if (rules.extra == Extra::keep) {
        append_member(out, name, member);
      } else {
        fail("extra_forbidden", "Extra inputs are not permitted", member, {.outer = &place, .step = std::string_view(name)});
        is_right = false;
      }
    }
    return is_right;
  }

  Read take(const TaggedRules& rules, const Json& value, const Place& place, std::string_view) {
    if (!value.is_object())
      return fail("model_attributes_type", "Input should be a valid dictionary or object to extract fields from", value, place);
    const Json* tag = find_member(value, rules.member);
    if (!tag)
      return fail("union_tag_not_found", "Unable to extract tag using discriminator '" + rules.member + "'", value, place,
                  {{"discriminator", "'" + rules.member + "'"}});
    for (const auto& [name, variant] : rules.variants)
      if (*tag == name) {
        auto out = (*this)(variant, value, {.outer = &place, .step = std::string_view(name)}, rules.member);
        if (out && !find_member(*out, rules.member)) append_member(*out, rules.member, *tag);
        return out;
      }
    return unknown_tag(rules, *tag, value, place);
  }

  Read unknown_tag(const TaggedRules& rules, const Json& tag, const Json& value, const Place& place) {
    std::vector<std::string> names;
    for (const auto& [name, variant] : rules.variants) names.push_back(name);
    const auto expected = quoted_choices(names, ", ");
    const auto given = node_->holds_secret ? "…" : tag.is_string() ? excerpt(tag.get_ref<const std::string&>()) : excerpt(dump(tag), 64);
    return fail("union_tag_invalid",
                "Input tag '" + given + "' found using '" + rules.member + "' does not match any of the expected tags: " + expected, value,
                place, {{"discriminator", "'" + rules.member + "'"}, {"tag", given}, {"expected_tags", expected}});
  }

  Read take(const AnyOfRules& rules, const Json& value, const Place& place, std::string_view) {
    for (const auto mode : {Mode::strict, Mode::lax}) {
      if (mode == Mode::lax && !is_lax()) break;
      for (const auto& choice : rules.choices)
        if (Reader trial(mode, true); auto out = trial(choice, value, place)) return out;
    }
    failed_ = true;
    if (quiet_) return std::nullopt;
    for (const auto& choice : rules.choices) {
      if (is_over()) break;
      const auto label = label_of(choice.node());
      (*this)(choice, value, {.outer = &place, .step = std::string_view(label)});
    }
    return std::nullopt;
  }

  const Mode mode_;
  const bool quiet_;
  bool failed_ = false;
  const SchemaNode* node_ = nullptr;  // whose value is being read
};

}  // namespace

Validated validate(const Schema& schema, const Json& value, Json loc) {
  Reader reader(Reader::Mode::lax);
  auto read = reader(schema, value, {.start = &loc});
  return {read ? std::move(*read) : Json(), std::move(reader.problems)};
}

Or<Json> validated(const Schema& schema, const Json& value, Json loc) {
  auto [read, found] = validate(schema, value, std::move(loc));
  if (!found.empty()) return problems(found);
  return std::move(read);
}

Or<Json> read_body(const Schema& schema, std::string_view body, const BodyBounds& bounds) {
  if (body.empty()) {
    if (schema.node().is_nullable) return Json(nullptr);
    return problem({.type = "missing", .loc = {"body"}, .msg = "Field required", .input = nullptr});
  }
  auto parsed = parse_body(body, bounds);
  if (auto* refusal = std::get_if<Answer>(&parsed)) return std::move(*refusal);
  return validated(schema, std::get<Json>(parsed));
}

}  // namespace luthier::rest
