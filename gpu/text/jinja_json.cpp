#include "gpu/text/jinja_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

class Dumper {
 public:
  Dumper(const DumpOptions& options, Budget& budget) : options_(options), budget_(budget) {
    item_separator_ = options.item_separator.value_or(options.indent ? "," : ", ");
    key_separator_ = options.key_separator.value_or(": ");
  }

  void dump(const Value& value) {
    budget_.step();
    if (const auto scalar = scalar_text(value)) return add(*scalar);
    if (value.is_text()) return add_quoted(value.text());
    if (const auto* list = value.get<ListRef>(); list != nullptr && (*list)->form <= ListForm::tuple) return dump_list(**list);
    if (const auto* dict = value.get<DictRef>()) return dump_dict(**dict);
    throw Failure{"Object of type " + type_name(value) + " is not JSON serializable"};
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string real_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_text(value);
  }

  // Numbers, truth values and null, which are keys as well.
  static std::optional<std::string> scalar_text(const Value& value) {
    if (value.is_none()) return "null";
    if (const auto* flag = value.get<bool>()) return *flag ? "true" : "false";
    if (const auto* whole = value.get<std::int64_t>()) return std::to_string(*whole);
    if (const auto* real = value.get<double>()) return real_text(*real);
    return std::nullopt;
  }

  void add(std::string_view part) {
    budget_.bytes(part.size());
    out_ += part;
  }

  void add_escaped_unit(unsigned unit) {
    char escape[12];
    std::snprintf(escape, sizeof escape, "\\u%04x", unit);
    add(escape);
  }

  void add_quoted(std::string_view text) {
    add("\"");
    for (std::size_t at = 0; at < text.size();) {
      const auto [value, bytes] = code_point_at(text, at);
      constexpr std::string_view plain = "\"\\\n\r\t\f\b", letters = "\"\\nrtfb";
      const auto kind = value < 0x80 ? plain.find(static_cast<char>(value)) : std::string_view::npos;
      if (kind != std::string_view::npos) {
        const char escape[] = {'\\', letters[kind]};
        add({escape, 2});
      } else if (value < 0x20 || (options_.ensure_ascii && value >= 0x7F && value < 0x10000)) {
        add_escaped_unit(value);
      } else if (options_.ensure_ascii && value >= 0x10000) {
        add_escaped_unit(0xD800 + ((value - 0x10000) >> 10));
        add_escaped_unit(0xDC00 + ((value - 0x10000) & 0x3FF));
      } else {
        add(text.substr(at, bytes));
      }
      at += bytes;
    }
    add("\"");
  }

  void new_line() {
    if (!options_.indent) return;
    add("\n");
    for (unsigned i = 0; i < level_; ++i) add(*options_.indent);
  }

  void dump_list(const List& list) {
    if (list.items.empty()) return add("[]");
    add("[");
    ++level_;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) add(item_separator_);
      new_line();
      dump(list.items[i]);
    }
    --level_;
    new_line();
    add("]");
  }

  void dump_dict(const Dict& dict) {
    if (dict.entries.empty()) return add("{}");
    auto entries = dict.entries;
    if (options_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) { return less(a.first, b.first, budget_); });
    add("{");
    ++level_;
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!std::exchange(first, false)) add(item_separator_);
      new_line();
      const auto scalar = scalar_text(key);
      if (!scalar && !key.is_text())
        throw Failure{"keys must be str, int, float, bool or None, not " + type_name(key)};
      add_quoted(scalar ? *scalar : key.text());
      add(key_separator_);
      dump(value);
    }
    --level_;
    new_line();
    add("}");
  }

  const DumpOptions& options_;
  Budget& budget_;
  std::string item_separator_, key_separator_, out_;
  unsigned level_ = 0;
};

constexpr std::size_t levels_max = 200;

// Builds values while nlohmann's parser reads. What is open stands on a stack, so depth costs no recursion.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(Budget& budget, std::span<const std::string_view> members) : budget_(budget), members_(members) {}

  bool null() override { return skips() || put(none()); }
  bool boolean(bool value) override { return skips() || put(jinja::boolean(value)); }
  bool number_integer(number_integer_t value) override { return skips() || put(integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (skips()) return true;
    if (value > INT64_MAX) return refuse("an integer is larger than 9223372036854775807");
    return put(integer(static_cast<std::int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t& source) override {
    if (skips()) return true;
    const bool is_whole = source.find_first_of(".eE") == std::string::npos;
    if (is_whole) return refuse("an integer has more than 64 bits");
    return put(number(value));
  }
  bool string(string_t& value) override { return skips() || put(text(budget_, std::move(value))); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool start_object(std::size_t) override {
    if (skipping_) return skip_level();
    open_.emplace_back(std::in_place_type<DictMaker>, budget_);
    return open_.size() <= levels_max || refuse("is nested deeper than 200 levels");
  }
  bool key(string_t& value) override {
    if (skipping_) return true;
    skipping_ = open_.size() == 1 && !members_.empty() && std::find(members_.begin(), members_.end(), value) == members_.end();
    if (skipping_) return true;
    keys_.push_back(text(budget_, std::move(value)));
    return true;
  }
  bool end_object() override {
    if (skipping_) return end_skipped_level();
    Value dict = std::get<DictMaker>(open_.back()).take();
    open_.pop_back();
    return put(std::move(dict));
  }
  bool start_array(std::size_t) override {
    if (skipping_) return skip_level();
    open_.emplace_back(std::in_place_type<std::vector<Value>>);
    return open_.size() <= levels_max || refuse("is nested deeper than 200 levels");
  }
  bool end_array() override {
    if (skipping_) return end_skipped_level();
    auto items = std::move(std::get<std::vector<Value>>(open_.back()));
    open_.pop_back();
    return put(list(budget_, std::move(items)));
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& failure) override {
    // nlohmann's own text: "[json.exception.parse_error.101] parse error at line 1, column 2: …".
    const std::string_view what = failure.what();
    const auto begin = what.find("] ");
    return refuse(begin == std::string_view::npos ? "parse error at byte " + std::to_string(position)
                                                  : std::string(what.substr(begin + 2)));
  }

  Result<Value> take() {
    if (!why_.empty()) return invalid("is not JSON that works here: " + why_);
    return std::move(result_);
  }

 private:
  bool refuse(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }

  // A value of a member that is not wanted; true: it is one, and nothing is left to do.
  bool skips() {
    if (!skipping_) return false;
    skipping_ = skipped_levels_ > 0;
    return true;
  }
  bool skip_level() { return ++skipped_levels_ < levels_max || refuse("is nested deeper than 200 levels"); }
  bool end_skipped_level() {
    skipping_ = --skipped_levels_ > 0;
    return true;
  }

  bool put(Value value) {
    budget_.step();
    budget_.bytes(sizeof(Value));
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (auto* items = std::get_if<std::vector<Value>>(&open_.back())) {
      items->push_back(std::move(value));
    } else {
      std::get<DictMaker>(open_.back()).set(std::move(keys_.back()), std::move(value));
      keys_.pop_back();
    }
    return true;
  }

  Budget& budget_;
  std::span<const std::string_view> members_;
  bool skipping_ = false;
  std::size_t skipped_levels_ = 0;
  std::vector<std::variant<std::vector<Value>, DictMaker>> open_;
  std::vector<Value> keys_;
  Value result_;
  std::string why_;
};

Value convert(const nlohmann::ordered_json& json, Budget& budget, std::size_t level) {
  budget.step();
  if (level > levels_max) throw Failure{"a variable is nested deeper than 200 levels"};
  if (json.is_null()) return none();
  if (json.is_boolean()) return boolean(json.get<bool>());
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) throw Failure{"an integer is larger than 9223372036854775807"};
  if (json.is_number_integer()) return integer(json.get<std::int64_t>());
  if (json.is_number_float()) return number(json.get<double>());
  if (json.is_string()) {
    const auto& content = json.get_ref<const std::string&>();
    if (first_invalid_utf8(content)) throw Failure{"a text of the variables is not UTF-8"};
    return text(budget, content);
  }
  if (json.is_array()) {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const auto& item : json) items.push_back(convert(item, budget, level + 1));
    return list(budget, std::move(items));
  }
  if (!json.is_object()) throw Failure{"a variable is no JSON value"};
  DictMaker dict(budget);
  for (const auto& [key, value] : json.items()) {
    if (first_invalid_utf8(key)) throw Failure{"a member's name is not UTF-8"};
    dict.set(key, convert(value, budget, level + 1));
  }
  return dict.take();
}

}  // namespace

std::string dump_json(const Value& value, const DumpOptions& options, Budget& budget) {
  Dumper dumper(options, budget);
  dumper.dump(value);
  return dumper.take();
}

Value from_json(const nlohmann::ordered_json& json, Budget& budget) { return convert(json, budget, 0); }

Result<Value> parse_json(std::string_view text, Budget& budget, std::span<const std::string_view> members) {
  Builder builder(budget, members);
  try {
    nlohmann::json::sax_parse(text, &builder);
  } catch (const Failure& failure) {
    return Error{ErrorCode::limit, "is too large: " + failure.message, {}};
  } catch (const nlohmann::json::exception& failure) {
    return invalid(std::string("is not JSON: ") + failure.what());
  }
  return builder.take();
}

}  // namespace luthier::text::jinja
