#include "gpu/text/jinja_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "gpu/text/jinja_loop.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

constexpr std::size_t indexed_from = 8;  // entries: below, comparing beats hashing

unsigned deeper_than(unsigned depth) {
  if (depth >= value_depth_max) throw Failure{"a value is nested too deep"};
  return depth + 1;
}

unsigned depth_around(const std::vector<Value>& items) {
  unsigned depth = 0;
  for (const auto& item : items) depth = std::max(depth, depth_of(item));
  return deeper_than(depth);
}

template <class Items>
bool equal_items(const Items& a, const Items& b, Budget& budget) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!equal(a[i], b[i], budget)) return false;
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
  if (a.entries.size() != b.entries.size()) return false;
  return std::all_of(a.entries.begin(), a.entries.end(), [&](const auto& entry) {
    const Value* other = b.find(entry.first, budget);
    return other != nullptr && equal(entry.second, *other, budget);
  });
}

[[noreturn]] void cannot_order(const Value& a, const Value& b) {
  throw Failure{"'<' not supported between instances of '" + type_name(a) + "' and '" + type_name(b) + "'"};
}

}  // namespace

void Budget::step(std::size_t count) {
  steps_ -= static_cast<std::int64_t>(count);
  if (steps_ < 0) throw Failure{"the template takes too many steps"};
}

void Budget::bytes(std::size_t count) {
  bytes_ -= static_cast<std::int64_t>(count);
  if (bytes_ < 0) throw Failure{"the template takes too much memory"};
}

Value undefined(std::string message) { return {Undefined{std::make_shared<const std::string>(std::move(message))}}; }

Value text(Budget& budget, std::string value) {
  budget.bytes(value.size() + 64);
  return {std::make_shared<const std::string>(std::move(value))};
}

Value marked(const Value& value) {
  if (value.is_text()) return {Markup{value.shared_text()}};
  const auto* held = value.get<ListRef>();
  if (held == nullptr) return value;
  List copy = **held;
  for (auto& item : copy.items) item = marked(item);
  return {std::make_shared<const List>(std::move(copy))};
}

std::string html_escaped(std::string_view plain, Budget& budget) {
  std::string out;
  for (const char c : plain) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  budget.bytes(out.size());
  return out;
}

std::string as_markup(const Value& value, Budget& budget) {
  return value.is_markup() ? value.text() : html_escaped(to_text(value, budget), budget);
}

Value list(Budget& budget, std::vector<Value> items, ListForm form) {
  budget.bytes(items.size() * sizeof(Value) + 64);
  const unsigned depth = depth_around(items);
  return {std::make_shared<const List>(List{std::move(items), form, depth})};
}

Value range(Budget& budget, std::vector<Value> items, std::int64_t start, std::int64_t stop, std::int64_t step) {
  budget.bytes(items.size() * sizeof(Value) + 64);
  return {std::make_shared<const List>(List{std::move(items), ListForm::range, 1, false, start, stop, step})};
}

Value group(Budget& budget, Value grouper, Value members) {
  budget.bytes(2 * sizeof(Value) + 64);
  std::vector<Value> items{std::move(grouper), std::move(members)};
  const unsigned depth = depth_around(items);
  return {std::make_shared<const List>(List{std::move(items), ListForm::tuple, depth, true})};
}

Value generator(Budget& budget, std::vector<Value> items, std::optional<Failure> failure) {
  budget.bytes(items.size() * sizeof(Value) + 64);
  const unsigned depth = depth_around(items);
  return {std::make_shared<Generator>(Generator{std::move(items), 0, depth, std::move(failure)})};
}

Value callable(std::string name, std::function<Value(Machine&, const Call&)> function, const Value& bound_to) {
  const unsigned depth = deeper_than(depth_of(bound_to));
  return {std::make_shared<const Callable>(Callable{std::move(name), std::move(function), depth})};
}

const Value* Dict::find(const Value& key, Budget& budget) const {
  if (!index.empty()) {
    const auto at = index.find(hash_key(key, budget));
    return at == index.end() ? nullptr : &entries[at->second].second;
  }
  (void)hash_key(key, budget);
  for (const auto& [known, value] : entries)
    if (equal(known, key, budget)) return &value;
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (!index.empty()) {
    const auto at = index.find("s" + std::string(key));
    return at == index.end() ? nullptr : &entries[at->second].second;
  }
  for (const auto& [known, value] : entries)
    if (known.is_text() && known.text() == key) return &value;
  return nullptr;
}

void DictMaker::set(Value key, Value value) {
  dict_->depth = std::max({dict_->depth, deeper_than(depth_of(key)), deeper_than(depth_of(value))});
  if (const Value* known = dict_->find(key, budget_)) {
    *const_cast<Value*>(known) = std::move(value);  // ours until take() gives it away
    return;
  }
  budget_.bytes(2 * sizeof(Value) + 64);
  auto& entries = dict_->entries;
  entries.emplace_back(std::move(key), std::move(value));
  if (entries.size() < indexed_from) return;
  if (entries.size() == indexed_from) {
    for (std::size_t i = 0; i < entries.size(); ++i) dict_->index.emplace(hash_key(entries[i].first, budget_), i);
  } else {
    dict_->index.emplace(hash_key(entries.back().first, budget_), entries.size() - 1);
  }
}

Value DictMaker::take() { return {DictRef(std::move(dict_))}; }

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [known, value] : members)
    if (known == name) return &value;
  return nullptr;
}

void Namespace::set(std::string_view name, Value value) {
  for (auto& [known, old] : members)
    if (known == name) {
      old = std::move(value);
      return;
    }
  members.emplace_back(name, std::move(value));
}

unsigned depth_of(const Value& value) {
  if (const auto* list = value.get<ListRef>()) return (*list)->depth;
  if (const auto* dict = value.get<DictRef>()) return (*dict)->depth;
  if (const auto* made = value.get<GeneratorRef>()) return (*made)->depth;
  if (const auto* bound = value.get<CallableRef>()) return (*bound)->depth;
  return 0;
}

std::optional<std::int64_t> as_integer(const Value& value) {
  if (const auto* flag = value.get<bool>()) return *flag ? 1 : 0;
  if (const auto* number = value.get<std::int64_t>()) return *number;
  return std::nullopt;
}

std::optional<double> as_number(const Value& value) {
  if (const auto* number = value.get<double>()) return *number;
  if (const auto whole = as_integer(value)) return static_cast<double>(*whole);
  return std::nullopt;
}

bool is_true(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto number = as_number(value)) return *number != 0;
  if (value.is_text()) return !value.text().empty();
  if (const auto size = length(value)) return *size > 0;
  return true;
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  budget.step();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return *ia == *ib;
  const auto na = as_number(a), nb = as_number(b);
  if (na || nb) return na && nb && *na == *nb;
  if (a.is_text() && b.is_text()) {
    budget.step(a.text().size() / 64);
    return a.text() == b.text();
  }
  if (a.held.index() != b.held.index()) return false;
  if (const auto* list = a.get<ListRef>()) {
    const auto& other = *std::get<ListRef>(b.held);
    return *list == std::get<ListRef>(b.held) || ((*list)->form == other.form && equal_items((*list)->items, other.items, budget));
  }
  if (const auto* dict = a.get<DictRef>())
    return *dict == std::get<DictRef>(b.held) || equal_dicts(**dict, *std::get<DictRef>(b.held), budget);
  if (const auto* made = a.get<GeneratorRef>()) return *made == std::get<GeneratorRef>(b.held);
  if (const auto* bound = a.get<CallableRef>()) return *bound == std::get<CallableRef>(b.held);
  if (const auto* space = a.get<Namespace*>()) return *space == std::get<Namespace*>(b.held);
  if (const auto* loop = a.get<Loop*>()) return *loop == std::get<Loop*>(b.held);
  return true;  // None
}

bool less(const Value& a, const Value& b, Budget& budget) {
  budget.step();
  for (const Value* side : {&a, &b})
    if (const auto* missing = side->get<Undefined>()) throw Failure{missing->message ? *missing->message : "undefined value"};
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return *ia < *ib;
  const auto na = as_number(a), nb = as_number(b);
  if (na && nb) return *na < *nb;
  if (a.is_text() && b.is_text()) {
    budget.step(a.text().size() / 64);
    return a.text() < b.text();  // UTF-8 sorts as its code points do
  }
  const auto *la = a.get<ListRef>(), *lb = b.get<ListRef>();
  if (la == nullptr || lb == nullptr || (*la)->form != (*lb)->form || (*la)->form > ListForm::tuple) cannot_order(a, b);
  const auto &x = (*la)->items, &y = (*lb)->items;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (!equal(x[i], y[i], budget)) return less(x[i], y[i], budget);
  return x.size() < y.size();
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (container.is_text()) {
    if (!item.is_text()) throw Failure{"'in <string>' requires string as left operand, not " + type_name(item)};
    budget.step(container.text().size() / 64 + 1);
    return find(container.text(), item.text()) != std::string::npos;
  }
  if (const auto* dict = container.get<DictRef>()) return (*dict)->find(item, budget) != nullptr;
  if (!is_iterable(container)) throw Failure{"argument of type '" + type_name(container) + "' is not iterable"};
  if (const auto* made = container.get<GeneratorRef>()) {
    while ((*made)->next < (*made)->items.size())
      if (equal((*made)->items[(*made)->next++], item, budget)) return true;
    if ((*made)->failure) throw *(*made)->failure;
    return false;
  }
  const auto* items = container.get<ListRef>();
  if (items == nullptr) return false;
  if ((*items)->form == ListForm::keys) (void)hash_key(item, budget);
  return std::any_of((*items)->items.begin(), (*items)->items.end(), [&](const Value& each) { return equal(each, item, budget); });
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_text() || value.is<ListRef>() || value.is<DictRef>() || value.is<GeneratorRef>() ||
         value.is<Loop*>();
}

std::vector<Value> elements(const Value& value, Budget& budget) {
  std::vector<Value> items;
  if (const auto* list = value.get<ListRef>()) items = (*list)->items;
  if (const auto* dict = value.get<DictRef>())
    for (const auto& [key, entry] : (*dict)->entries) items.push_back(key);
  if (const auto* made = value.get<GeneratorRef>()) {
    items.assign((*made)->items.begin() + static_cast<std::ptrdiff_t>((*made)->next), (*made)->items.end());
    (*made)->next = (*made)->items.size();
    if ((*made)->failure) throw *(*made)->failure;
  }
  if (value.is_text()) {
    const std::string& characters = value.text();
    for (std::size_t at = 0; at < characters.size();) {
      const auto bytes = code_point_at(characters, at).bytes;
      items.push_back(text(budget, characters.substr(at, bytes)));
      at += bytes;
    }
  }
  if (!is_iterable(value) || value.is<Loop*>()) throw Failure{"'" + type_name(value) + "' object is not iterable"};
  budget.bytes(items.size() * sizeof(Value));
  budget.step(items.size());
  return items;
}

std::optional<std::size_t> length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_text()) return count_code_points(value.text());
  if (const auto* list = value.get<ListRef>()) return (*list)->items.size();
  if (const auto* dict = value.get<DictRef>()) return (*dict)->entries.size();
  return std::nullopt;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view whole(buffer, static_cast<std::size_t>(end - buffer));
  const auto mark = whole.find('e');
  const int exponent = std::atoi(std::string(whole.substr(mark + 1)).c_str());
  if (exponent >= -4 && exponent < 16) {
    const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
    std::string text(buffer, static_cast<std::size_t>(fixed - buffer));
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
  }
  return std::string(whole);  // Python writes at least two digits of exponent as well
}

namespace {

// Walks through a value for its text. Namespaces can hold themselves, hence the depth.
class Writer {
 public:
  Writer(std::string& out, Budget& budget) : out_(out), budget_(budget) {}

  void write(const Value& value) {
    budget_.step();
    if (value.is_undefined()) return add("Undefined");
    if (value.is_none()) return add("None");
    if (const auto* flag = value.get<bool>()) return add(*flag ? "True" : "False");
    if (const auto* whole = value.get<std::int64_t>()) return add(std::to_string(*whole));
    if (const auto* real = value.get<double>()) return add(float_text(*real));
    if (value.is_text()) return add(value.is_markup() ? "Markup(" + text_repr(value.text()) + ")" : text_repr(value.text()));
    if (++depth_ > value_depth_max) throw Failure{"a value is nested too deep to be shown"};
    if (const auto* list = value.get<ListRef>()) write_list(**list);
    if (const auto* dict = value.get<DictRef>()) write_dict(**dict);
    if (const auto* space = value.get<Namespace*>()) write_namespace(**space);
    if (value.is<GeneratorRef>()) add("<generator object>");
    if (const auto* bound = value.get<CallableRef>()) write_function(**bound);
    if (const auto* loop = value.get<Loop*>()) write_loop(**loop);
    --depth_;
  }

 private:
  void add(std::string_view part) {
    budget_.bytes(part.size());
    out_ += part;
  }

  void write_loop(Loop& loop) {
    const auto number = [&](std::string_view name) { return std::to_string(as_integer(*loop.attribute(name)).value_or(0)); };
    add("<LoopContext " + number("index") + "/" + number("length") + ">");
  }

  void write_function(const Callable& function) {
    if (!function.members) return add("<function " + function.name + ">");
    const Value* name = function.members->find("name");
    add(name == nullptr || !name->is_text() ? "<Macro anonymous>" : "<Macro " + text_repr(name->text()) + ">");
  }

  void write_list(const List& list) {
    if (list.form == ListForm::range) return write_range(list);
    constexpr std::string_view open[] = {"[", "(", "", "dict_keys([", "dict_values([", "dict_items(["};
    constexpr std::string_view close[] = {"]", ")", "", "])", "])", "])"};
    const auto form = static_cast<std::size_t>(list.form);
    add(open[form]);
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) add(", ");
      write(list.items[i]);
    }
    if (list.form == ListForm::tuple && list.items.size() == 1) add(",");
    add(close[form]);
  }

  void write_range(const List& list) {
    add("range(" + std::to_string(list.start) + ", " + std::to_string(list.stop) + (list.step == 1 ? "" : ", " + std::to_string(list.step)) + ")");
  }

  void write_dict(const Dict& dict) {
    add("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries) {
      if (!std::exchange(first, false)) add(", ");
      write(key);
      add(": ");
      write(value);
    }
    add("}");
  }

  void write_namespace(const Namespace& space) {
    add("<Namespace {");
    bool first = true;
    for (const auto& [name, value] : space.members) {
      if (!std::exchange(first, false)) add(", ");
      add(text_repr(name));
      add(": ");
      write(value);
    }
    add("}>");
  }

  std::string& out_;
  Budget& budget_;
  unsigned depth_ = 0;
};

}  // namespace

std::string to_repr(const Value& value, Budget& budget) {
  std::string out;
  Writer(out, budget).write(value);
  return out;
}

std::string to_text(const Value& value, Budget& budget) {
  if (value.is_undefined()) return {};
  if (value.is_text()) {
    budget.bytes(value.text().size());
    return value.text();
  }
  return to_repr(value, budget);
}

std::string type_name(const Value& value) {
  constexpr const char* lists[] = {"list", "tuple", "range", "dict_keys", "dict_values", "dict_items"};
  if (const auto* items = value.get<ListRef>()) return lists[static_cast<std::size_t>((*items)->form)];
  constexpr const char* names[] = {"Undefined", "NoneType", "bool",      "int",      "float",     "str",
                                   "list",      "dict",     "generator", "function", "Namespace", "LoopContext", "Markup"};
  return names[value.held.index()];
}

std::string object_name(const Value& value) { return value.is_none() ? "None" : type_name(value) + " object"; }

std::string hash_key(const Value& key, Budget& budget) {
  budget.step();
  if (key.is_text()) {
    budget.step(key.text().size() / 64);
    return "s" + key.text();
  }
  if (const auto whole = as_integer(key)) return "i" + std::to_string(*whole);
  if (const auto* real = key.get<double>()) {
    const bool is_whole = *real == std::floor(*real) && std::fabs(*real) < 9e15;
    return is_whole ? "i" + std::to_string(static_cast<std::int64_t>(*real)) : "f" + float_text(*real);
  }
  if (key.is_none()) return "n";
  if (key.is_undefined()) return "u";
  const auto* items = key.get<ListRef>();
  if (items != nullptr && ((*items)->form == ListForm::tuple || (*items)->form == ListForm::range)) {
    std::string whole = "t";
    for (const auto& item : (*items)->items) {
      const std::string part = hash_key(item, budget);
      budget.bytes(part.size());
      whole += std::to_string(part.size()) + ":" + part;
    }
    return whole;
  }
  const auto identity = [](const void* object) { return "@" + std::to_string(reinterpret_cast<std::uintptr_t>(object)); };
  if (items != nullptr && (*items)->form == ListForm::values) return identity(items->get());
  if (const auto* bound = key.get<CallableRef>()) return identity(bound->get());
  if (const auto* space = key.get<Namespace*>()) return identity(*space);
  if (const auto* loop = key.get<Loop*>()) return identity(*loop);
  if (const auto* made = key.get<GeneratorRef>()) return identity(made->get());
  throw Failure{"unhashable type: '" + type_name(key) + "'"};
}

}  // namespace luthier::text::jinja
