// Values of a template at work, with Python's meaning of equality, truth, order and text.
//
// A template comes with a model, so it may be hostile: whatever makes a value or walks through one pays for it from a budget,
// and containers know how deep they are, so that no walk can exhaust the stack. All are immutable but namespaces, loops and
// generators; the first two belong to the machine that runs the template, because they can hold themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace luthier::text::jinja {

// Ends the rendering. Caught where rendering starts: an interpreter that handed a Result through each of its operators could
// not be read. Never leaves this library.
struct Failure {
  std::string message;
};

// What one rendering may still use up.
class Budget {
 public:
  Budget(std::int64_t steps, std::int64_t bytes) : steps_(steps), bytes_(bytes) {}
  void step(std::size_t count = 1);
  void bytes(std::size_t count);  // of values made, freed or not

 private:
  std::int64_t steps_, bytes_;
};

struct List;
struct Dict;
struct Generator;
struct Namespace;
struct Callable;
class Loop;

using Text = std::shared_ptr<const std::string>;
using ListRef = std::shared_ptr<const List>;
using DictRef = std::shared_ptr<const Dict>;
using GeneratorRef = std::shared_ptr<Generator>;
using CallableRef = std::shared_ptr<const Callable>;

struct Undefined {
  Text message;  // why it is; null only in default-made values
};
struct None {};
// Text that the filters `e` and `safe` have marked: what is added to it is escaped for HTML.
struct Markup {
  Text text;
};

struct Value {
  std::variant<Undefined, None, bool, std::int64_t, double, Text, ListRef, DictRef, GeneratorRef, CallableRef, Namespace*, Loop*, Markup> held;

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(held);
  }
  template <class T>
  const T* get() const {
    return std::get_if<T>(&held);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_text() const { return is<Text>() || is_markup(); }
  bool is_markup() const { return is<Markup>(); }
  const Text& shared_text() const { return is_markup() ? std::get<Markup>(held).text : std::get<Text>(held); }
  const std::string& text() const { return *shared_text(); }
};

enum class ListForm { list, tuple, range, keys, values, items };  // the last three are a dictionary's views

struct List {
  std::vector<Value> items;
  ListForm form = ListForm::list;
  unsigned depth = 1;
  bool is_group = false;  // of groupby: its two parts have the names `grouper` and `list` as well
  std::int64_t start = 0, stop = 0, step = 1;  // of a range, for its text
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // in order of their first appearance
  unsigned depth = 1;
  std::unordered_map<std::string, std::size_t> index;  // by hash_key(); only in large ones
  const Value* find(const Value& key, Budget& budget) const;
  const Value* find(std::string_view key) const;
};

// What a filter such as `map` gives: it can be walked through once, is always true, and has no length.
struct Generator {
  std::vector<Value> items;
  std::size_t next = 0;
  unsigned depth = 1;
  std::optional<Failure> failure = std::nullopt;  // comes behind the items: nobody may ever ask for so much
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> members;
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

struct Call {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Machine;
struct Callable {
  std::string name;
  std::function<Value(Machine&, const Call&)> function;
  unsigned depth = 1;
  DictRef members = nullptr;  // of a macro: its name, its arguments
};

inline constexpr unsigned value_depth_max = 256;

Value undefined(std::string message);
Value text(Budget& budget, std::string value);
inline Value like(const Value& source, Value result);  // the result as markup if the source is
Value marked(const Value& text);  // as markup; what is no text stays as it is, and of a list each element is marked
std::string html_escaped(std::string_view text, Budget& budget);
// As it may stand in markup: escaped unless it is markup.
std::string as_markup(const Value& value, Budget& budget);
Value list(Budget& budget, std::vector<Value> items, ListForm form = ListForm::list);
Value range(Budget& budget, std::vector<Value> items, std::int64_t start, std::int64_t stop, std::int64_t step);
Value group(Budget& budget, Value grouper, Value members);
Value generator(Budget& budget, std::vector<Value> items, std::optional<Failure> failure = std::nullopt);
Value callable(std::string name, std::function<Value(Machine&, const Call&)> function, const Value& bound_to = {});
inline Value none() { return {None{}}; }
inline Value boolean(bool value) { return {value}; }
inline Value integer(std::int64_t value) { return {value}; }
inline Value number(double value) { return {value}; }

inline Value like(const Value& source, Value result) { return source.is_markup() ? marked(result) : result; }

class DictMaker {
 public:
  explicit DictMaker(Budget& budget) : budget_(budget), dict_(std::make_shared<Dict>()) {}
  void set(Value key, Value value);  // a key that is there keeps its place
  void set(std::string_view key, Value value) { set(jinja::text(budget_, std::string(key)), std::move(value)); }
  Value take();

 private:
  Budget& budget_;
  std::shared_ptr<Dict> dict_;
};

bool is_true(const Value& value);
bool equal(const Value& a, const Value& b, Budget& budget);
// a < b; mixed kinds are a failure.
bool less(const Value& a, const Value& b, Budget& budget);
bool contains(const Value& container, const Value& item, Budget& budget);
// The elements that a loop walks through; takes what is left of a generator. None, numbers … are a failure.
std::vector<Value> elements(const Value& value, Budget& budget);
bool is_iterable(const Value& value);
std::optional<std::size_t> length(const Value& value);  // none: it has none

// str(value) and repr(value). Text has no quotes in the first.
std::string to_text(const Value& value, Budget& budget);
std::string to_repr(const Value& value, Budget& budget);
std::string float_text(double value);

// "str", "dict" …, and how error messages name the object.
std::string type_name(const Value& value);
std::string object_name(const Value& value);
unsigned depth_of(const Value& value);
// A text that is the same for equal keys; a list or dictionary is a failure.
std::string hash_key(const Value& key, Budget& budget);
// Booleans count as integers, as in Python.
std::optional<std::int64_t> as_integer(const Value& value);
std::optional<double> as_number(const Value& value);

}  // namespace luthier::text::jinja
