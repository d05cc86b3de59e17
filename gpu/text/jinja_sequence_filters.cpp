#include <algorithm>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_filters.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

// "a.b.0" as the filters' argument `attribute` means it: one lookup after the other, digits as integers.
class Path {
 public:
  Path(const Value& path, Value otherwise, Budget& budget) : otherwise_(std::move(otherwise)) {
    if (path.is_none() || path.is_undefined()) return;
    if (!path.is_text()) keys_.push_back(path);
    if (path.is_text()) add_parts(path.text(), budget);
  }

  Value of(Machine& machine, Value value) const {
    for (const auto& key : keys_) {
      value = machine.item(value, key);
      if (value.is_undefined() && !otherwise_.is_undefined() && !otherwise_.is_none()) return otherwise_;
    }
    return value;
  }

 private:
  void add_parts(const std::string& path, Budget& budget) {
    for (auto& part : split(path, ".", -1)) {
      const bool digits = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
      keys_.push_back(digits ? integer(std::stoll(part)) : text(budget, std::move(part)));
    }
  }

  std::vector<Value> keys_;
  Value otherwise_;
};

Value folded(const Value& value, bool case_sensitive, Budget& budget) {
  return case_sensitive || !value.is_text() ? value : text(budget, lower(value.text()));
}

struct Keyed {
  std::vector<Value> keys;
  Value item;
};

// Several keys compare as Python's lists do; a single one is the value itself, which must have an order even among equals.
bool keys_less(const std::vector<Value>& a, const std::vector<Value>& b, bool as_lists, Budget& budget) {
  if (!as_lists) return less(a[0], b[0], budget);
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!equal(a[i], b[i], budget)) return less(a[i], b[i], budget);
  return false;
}

// A merge sort of our own: std::stable_sort must not see a comparison that throws or contradicts itself.
void sort_keyed(std::vector<Keyed>& items, bool reverse, bool as_lists, Budget& budget) {
  std::vector<Keyed> other(items.size());
  const auto before = [&](const Keyed& a, const Keyed& b) {
    return reverse ? keys_less(b.keys, a.keys, as_lists, budget) : keys_less(a.keys, b.keys, as_lists, budget);
  };
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    for (std::size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, items.size()), end = std::min(begin + 2 * width, items.size());
      for (std::size_t left = begin, right = middle, to = begin; to < end; ++to) {
        const bool take_right = left == middle || (right < end && before(items[right], items[left]));
        other[to] = std::move(take_right ? items[right++] : items[left++]);
      }
    }
    items.swap(other);
  }
}

Value in_order(std::vector<Keyed> items, bool reverse, bool as_lists, Budget& budget) {
  if (items.size() == 1 || items.empty()) {
    std::vector<Value> same;
    for (auto& item : items) same.push_back(std::move(item.item));
    return list(budget, std::move(same));
  }
  sort_keyed(items, reverse, as_lists, budget);
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (auto& item : items) sorted.push_back(std::move(item.item));
  return list(budget, std::move(sorted));
}

// Python's sorted() takes a number there, not whatever is true.
bool reversed(const Bound& bound, std::size_t parameter) { return bound.has(parameter) && bound.whole(parameter, 0) != 0; }

Value sort(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("sort", call, {"reverse", "case_sensitive", "attribute"});
  Budget& budget = machine.budget();
  std::vector<Path> paths;
  if (bound.is_set(2) && bound.value(2).is_text()) {
    for (auto& part : split(bound.text(2), ",", -1)) paths.emplace_back(text(budget, std::move(part)), Value{}, budget);
  } else {
    paths.emplace_back(bound.is_set(2) ? bound.value(2) : none(), Value{}, budget);
  }
  std::vector<Keyed> items;
  for (auto& item : elements(input, budget)) {
    Keyed keyed;
    for (const auto& path : paths) keyed.keys.push_back(folded(path.of(machine, item), bound.flag(1, false), budget));
    keyed.item = std::move(item);
    items.push_back(std::move(keyed));
  }
  return in_order(std::move(items), reversed(bound, 0), true, budget);
}

Value dict_sort(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("dictsort", call, {"case_sensitive", "by", "reverse"});
  Budget& budget = machine.budget();
  require_defined(input);
  const auto* dict = input.get<DictRef>();
  if (dict == nullptr) throw Failure{"dictsort works on a mapping, not on '" + type_name(input) + "'"};
  const std::string by = bound.text(1, "key");
  if (by != "key" && by != "value") throw Failure{"You can only sort by either \"key\" or \"value\""};
  std::vector<Keyed> items;
  for (const auto& [key, value] : (*dict)->entries)
    items.push_back({{folded(by == "key" ? key : value, bound.flag(0, false), budget)}, list(budget, {key, value}, ListForm::tuple)});
  return in_order(std::move(items), reversed(bound, 2), false, budget);
}

// These filters work only when their result is walked through, so what fails in one fails there.
template <class Fill>
Value lazily(Machine& machine, Fill fill) {
  std::vector<Value> items;
  std::optional<Failure> failure;
  try {
    fill(items);
  } catch (const Failure& found) {
    failure = found;
  }
  return generator(machine.budget(), std::move(items), std::move(failure));
}

Value unique(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("unique", call, {"case_sensitive", "attribute"});
  Budget& budget = machine.budget();
  const Path path(bound.has(1) ? bound.value(1) : none(), Value{}, budget);
  return lazily(machine, [&](std::vector<Value>& items) {
    std::unordered_map<std::string, bool> known;
    for (auto& item : elements(input, budget)) {
      const std::string key = hash_key(folded(path.of(machine, item), bound.flag(0, false), budget), budget);
      budget.bytes(key.size() + 64);
      if (known.emplace(key, true).second) items.push_back(std::move(item));
    }
  });
}

template <bool largest>
Value extreme(Machine& machine, const Value& input, const Call& call) {
  const Bound bound(largest ? "max" : "min", call, {"case_sensitive", "attribute"});
  Budget& budget = machine.budget();
  const Path path(bound.has(1) ? bound.value(1) : none(), Value{}, budget);
  auto items = elements(input, budget);
  if (items.empty()) return undefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  const auto key = [&](std::size_t i) { return folded(path.of(machine, items[i]), bound.flag(0, false), budget); };
  for (std::size_t i = 1; i < items.size(); ++i)
    if (largest ? less(key(best), key(i), budget) : less(key(i), key(best), budget)) best = i;
  return items[best];
}

Value sum(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("sum", call, {"attribute", "start"});
  const Path path(bound.has(0) ? bound.value(0) : none(), Value{}, machine.budget());
  Value total = bound.has(1) ? bound.value(1) : integer(0);
  for (const auto& item : elements(input, machine.budget())) {
    if (total.is_text()) throw Failure{"sum() can't sum strings"};
    total = binary("+", total, path.of(machine, item), machine.budget());
  }
  return total;
}

Value join(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("join", call, {"d", "attribute"});
  Budget& budget = machine.budget();
  const std::string separator = bound.has(0) ? to_text(bound.value(0), budget) : "";
  const Path path(bound.has(1) ? bound.value(1) : none(), Value{}, budget);
  std::string whole;
  bool first = true;
  for (auto& item : elements(input, budget)) {
    if (!std::exchange(first, false)) {
      budget.bytes(separator.size());
      whole += separator;
    }
    whole += to_text(path.of(machine, std::move(item)), budget);
  }
  return text(budget, std::move(whole));
}

Value count(Machine&, const Value& input, const Call& call) {
  const Bound bound("length", call, {});
  if (const auto* loop = input.get<Loop*>()) return *(*loop)->attribute("length");
  const auto size = length(input);
  if (!size) throw Failure{"object of type '" + type_name(input) + "' has no len()"};
  return integer(static_cast<std::int64_t>(*size));
}

Value first(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("first", call, {});
  if (const auto* held = input.get<ListRef>(); held != nullptr && !(*held)->items.empty()) return (*held)->items[0];
  if (const auto* made = input.get<GeneratorRef>()) {
    if ((*made)->next < (*made)->items.size()) return (*made)->items[(*made)->next++];
    if ((*made)->failure) throw *(*made)->failure;
    return undefined("No first item, sequence was empty.");
  }
  if (input.is_text() && !input.text().empty()) return text(machine.budget(), std::string(between(input.text(), 0, 1)));
  auto items = elements(input, machine.budget());
  return items.empty() ? undefined("No first item, sequence was empty.") : items[0];
}

Value last(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("last", call, {});
  if (input.is<GeneratorRef>()) throw Failure{"'generator' object is not reversible"};
  if (const auto* held = input.get<ListRef>(); held != nullptr && !(*held)->items.empty()) return (*held)->items.back();
  auto items = elements(input, machine.budget());
  return items.empty() ? undefined("No last item, sequence was empty.") : items.back();
}

Value to_list(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("list", call, {});
  return list(machine.budget(), elements(input, machine.budget()));
}

Value items_of(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("items", call, {});
  if (input.is_undefined()) return generator(machine.budget(), {});
  const auto* dict = input.get<DictRef>();
  if (dict == nullptr) throw Failure{"Can only get item pairs from a mapping."};
  std::vector<Value> pairs;
  for (const auto& [key, value] : (*dict)->entries) pairs.push_back(list(machine.budget(), {key, value}, ListForm::tuple));
  return generator(machine.budget(), std::move(pairs));
}

Value reverse(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("reverse", call, {});
  if (input.is_text()) {
    auto characters = to_utf32(input.text());
    std::reverse(characters.begin(), characters.end());
    return like(input, text(machine.budget(), to_utf8(characters)));
  }
  if (!is_iterable(input)) throw Failure{"argument must be iterable"};
  auto items = elements(input, machine.budget());
  std::reverse(items.begin(), items.end());
  return generator(machine.budget(), std::move(items));
}

Value map(Machine& machine, const Value& input, const Call& call) {
  return lazily(machine, [&](std::vector<Value>& results) {
    if (!is_true(input)) return;
    if (call.positional.empty()) {
      const Bound bound("map", call, {"attribute", "default"});
      if (!bound.has(0)) throw Failure{"map requires a filter argument"};
      const Path path(bound.value(0), bound.has(1) ? bound.value(1) : Value{}, machine.budget());
      for (auto& item : elements(input, machine.budget())) results.push_back(path.of(machine, std::move(item)));
      return;
    }
    if (!call.positional[0].is_text()) throw Failure{"map requires a filter's name"};
    const Call rest{{call.positional.begin() + 1, call.positional.end()}, call.named};
    for (const auto& item : elements(input, machine.budget())) results.push_back(machine.filter(call.positional[0].text(), item, rest));
  });
}

// select, reject, selectattr, rejectattr.
template <bool keeps, bool by_attribute>
Value choose(Machine& machine, const Value& input, const Call& call) {
  return lazily(machine, [&](std::vector<Value>& chosen) {
    if (!is_true(input)) return;
    const std::size_t offset = by_attribute ? 1 : 0;
    if (call.positional.size() < offset) throw Failure{"Missing parameter for attribute name"};
    const Path path(by_attribute ? call.positional[0] : none(), Value{}, machine.budget());
    const bool tests = call.positional.size() > offset;
    if (tests && !call.positional[offset].is_text()) throw Failure{"a test's name is no string"};
    const auto more = call.positional.begin() + static_cast<std::ptrdiff_t>(std::min(offset + 1, call.positional.size()));
    const Call rest{{more, call.positional.end()}, call.named};
    for (auto& item : elements(input, machine.budget())) {
      const Value value = path.of(machine, item);
      const bool holds = tests ? machine.test(call.positional[offset].text(), value, rest) : is_true(value);
      if (holds == keeps) chosen.push_back(std::move(item));
    }
  });
}

Value group_by(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("groupby", call, {"attribute", "default", "case_sensitive"});
  Budget& budget = machine.budget();
  const Path path(bound.value(0), bound.has(1) ? bound.value(1) : Value{}, budget);
  const bool sensitive = bound.flag(2, false);
  std::vector<Keyed> items;
  for (auto& item : elements(input, budget)) items.push_back({{folded(path.of(machine, item), sensitive, budget)}, item});
  sort_keyed(items, false, false, budget);
  std::vector<Value> groups, members;
  for (std::size_t i = 0; i < items.size(); ++i) {
    members.push_back(items[i].item);
    if (i + 1 < items.size() && equal(items[i].keys[0], items[i + 1].keys[0], budget)) continue;
    Value key = path.of(machine, members[0]);
    groups.push_back(group(budget, std::move(key), list(budget, std::exchange(members, {}))));
  }
  return list(budget, std::move(groups));
}

Value batch(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("batch", call, {"linecount", "fill_with"});
  return lazily(machine, [&](std::vector<Value>& rows) {
    const auto width = bound.whole(0, 0);
    if (width > 1'000'000) throw Failure{"batch: the count is above 1000000"};  // below 1: all in one row
    std::vector<Value> row;
    Budget& budget = machine.budget();
    for (auto& item : elements(input, budget)) {
      if (static_cast<std::int64_t>(row.size()) == width) rows.push_back(list(budget, std::exchange(row, {})));
      row.push_back(std::move(item));
    }
    if (row.empty()) return;
    if (bound.is_set(1) && static_cast<std::int64_t>(row.size()) < width) {
      budget.bytes(static_cast<std::size_t>(width) * sizeof(Value));
      row.resize(static_cast<std::size_t>(width), bound.value(1));
    }
    rows.push_back(list(budget, std::move(row)));
  });
}

Value slice_into(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("slice", call, {"slices", "fill_with"});
  return lazily(machine, [&](std::vector<Value>& result) {
    const auto count = bound.whole(0, 0);
    if (count == 0 || count > 1'000'000) throw Failure{"slice: the count is 0 or above 1000000"};
    if (count < 0) return;
    Budget& budget = machine.budget();
    const auto items = elements(input, budget);
    const auto slices = static_cast<std::size_t>(count), each = items.size() / slices, longer = items.size() % slices;
    auto at = items.begin();
    for (std::size_t i = 0; i < slices; ++i) {
      const auto end = at + static_cast<std::ptrdiff_t>(each + (i < longer ? 1 : 0));
      std::vector<Value> part(at, end);
      if (bound.is_set(1) && i >= longer) part.push_back(bound.value(1));
      result.push_back(list(budget, std::move(part)));
      at = end;
    }
  });
}

}  // namespace

const Filters& sequence_filters() {
  static const Filters filters = {
      {"sort", sort},
      {"dictsort", dict_sort},
      {"unique", unique},
      {"min", extreme<false>},
      {"max", extreme<true>},
      {"sum", sum},
      {"join", join},
      {"length", count},
      {"count", count},
      {"first", first},
      {"last", last},
      {"list", to_list},
      {"items", items_of},
      {"reverse", reverse},
      {"map", map},
      {"select", choose<true, false>},
      {"reject", choose<false, false>},
      {"selectattr", choose<true, true>},
      {"rejectattr", choose<false, true>},
      {"groupby", group_by},
      {"batch", batch},
      {"slice", slice_into},
  };
  return filters;
}

}  // namespace luthier::text::jinja
