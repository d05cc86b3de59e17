#include "gpu/text/jinja_operators.hpp"

#include <cmath>

#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

using Whole = std::int64_t;

[[noreturn]] void overflow() { throw Failure{"an integer needs more than 64 bits"}; }
[[noreturn]] void by_zero() { throw Failure{"division by zero"}; }

Whole floor_divide(Whole a, Whole b) {
  if (b == 0) by_zero();
  if (b == -1) {
    if (a == INT64_MIN) overflow();
    return -a;
  }
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

Whole modulo(Whole a, Whole b) {
  if (b == 0) by_zero();
  if (b == -1) return 0;
  const Whole rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// From the remainder, as Python does: a quotient that rounding has lifted to a whole number comes out below it.
double floor_divide(double a, double b) {
  const double rest = std::fmod(a, b), quotient = (a - rest) / b - (rest != 0 && (b < 0) != (rest < 0) ? 1 : 0);
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

double real_modulo(double a, double b) {
  if (b == 0) by_zero();
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

Value power(Whole base, Whole exponent) {
  if (exponent < 0) {
    if (base == 0) by_zero();
    return number(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  Whole result = 1;
  for (Whole left = exponent; left > 0; left >>= 1) {
    if ((left & 1) != 0 && __builtin_mul_overflow(result, base, &result)) overflow();
    if (left > 1 && __builtin_mul_overflow(base, base, &base)) overflow();
  }
  return integer(result);
}

Value integers(std::string_view op, Whole a, Whole b) {
  Whole result = 0;
  if (op == "+" && !__builtin_add_overflow(a, b, &result)) return integer(result);
  if (op == "-" && !__builtin_sub_overflow(a, b, &result)) return integer(result);
  if (op == "*" && !__builtin_mul_overflow(a, b, &result)) return integer(result);
  if (op == "//") return integer(floor_divide(a, b));
  if (op == "%") return integer(modulo(a, b));
  if (op == "**") return power(a, b);
  if (op != "/") overflow();
  if (b == 0) by_zero();
  // In more bits than the result has: the operands need not fit a double.
  return number(static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
}

Value reals(std::string_view op, double a, double b) {
  if (op == "+") return number(a + b);
  if (op == "-") return number(a - b);
  if (op == "*") return number(a * b);
  if (op == "**") {
    if (a == 0 && b < 0) by_zero();
    if (a < 0 && b != std::floor(b) && std::isfinite(a) && std::isfinite(b)) throw Failure{"a root of a negative number is no real number"};
    const double result = std::pow(a, b);
    if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) throw Failure{"(34, 'Numerical result out of range')"};
    return number(result);
  }
  if (op == "%") return number(real_modulo(a, b));
  if (b == 0) by_zero();
  if (op == "//") return number(floor_divide(a, b));
  return number(a / b);
}

// How often `count` copies of something with `size` parts may be made at all.
std::size_t copies(Whole count, std::size_t size, std::size_t part_bytes, Budget& budget) {
  const auto times = static_cast<std::size_t>(count < 0 ? 0 : count);
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(times, size * part_bytes, &bytes)) throw Failure{"the template takes too much memory"};
  budget.bytes(bytes);
  return size == 0 ? 0 : times;
}

Value repeated(const Value& value, Whole count, Budget& budget) {
  if (value.is_text()) {
    std::string out;
    for (std::size_t i = copies(count, value.text().size(), 1, budget); i > 0; --i) out += value.text();
    return like(value, text(budget, std::move(out)));
  }
  const List& source = *std::get<ListRef>(value.held);
  std::vector<Value> items;
  for (std::size_t i = copies(count, source.items.size(), sizeof(Value), budget); i > 0; --i)
    items.insert(items.end(), source.items.begin(), source.items.end());
  return list(budget, std::move(items), source.form);
}

const List* plain_list(const Value& value) {
  const auto* held = value.get<ListRef>();
  return held != nullptr && (*held)->form <= ListForm::tuple ? held->get() : nullptr;
}

Value joined(const List& a, const List& b, Budget& budget) {
  budget.bytes((a.items.size() + b.items.size()) * sizeof(Value));
  auto items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return list(budget, std::move(items), a.form);
}

// Python's slice.indices().
struct Steps {
  Whole start, stop, step;
};

Steps steps_of(const Value& start, const Value& stop, const Value& step, std::size_t size) {
  const auto given = [](const Value& value) { return !value.is_none(); };
  const auto whole = [](const Value& value) {
    const auto number = as_integer(value);
    if (!number) throw Failure{"slice indices must be integers or None"};
    return *number;
  };
  const Whole length = static_cast<Whole>(size), by = given(step) ? whole(step) : 1;
  if (by == 0) throw Failure{"slice step cannot be zero"};
  const Whole low = by < 0 ? -1 : 0, high = by < 0 ? length - 1 : length;
  const auto clamp = [&](const Value& value, Whole otherwise) {
    if (!given(value)) return otherwise;
    Whole at = whole(value);
    if (at < 0) at = at < -length ? -1 : at + length;
    return at < low ? low : at > high ? high : at;
  };
  return {clamp(start, by < 0 ? high : low), clamp(stop, by < 0 ? low : high), by};
}

template <class Take>
void walk(const Steps& steps, Take take) {
  for (Whole at = steps.start; steps.step > 0 ? at < steps.stop : at > steps.stop;) {
    take(static_cast<std::size_t>(at));
    if (__builtin_add_overflow(at, steps.step, &at)) return;
  }
}

}  // namespace

void require_defined(const Value& value) {
  if (const auto* missing = value.get<Undefined>()) throw Failure{missing->message ? *missing->message : "undefined value"};
}

Value binary(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  require_defined(a);
  if (op == "%" && a.is_text()) return like(a, text(budget, percent_format(a.text(), b, budget, a.is_markup())));
  require_defined(b);
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return integers(op, *ia, *ib);
  const auto na = as_number(a), nb = as_number(b);
  if (na && nb) return reals(op, *na, *nb);
  if (op == "+" && a.is_text() && b.is_text()) {
    if (a.is_markup() || b.is_markup()) return marked(text(budget, as_markup(a, budget) + as_markup(b, budget)));
    budget.bytes(a.text().size() + b.text().size());
    return text(budget, a.text() + b.text());
  }
  const List *la = plain_list(a), *lb = plain_list(b);
  if (op == "+" && la != nullptr && lb != nullptr && la->form == lb->form) return joined(*la, *lb, budget);
  if (op == "*" && (a.is_text() || la != nullptr) && ib) return repeated(a, *ib, budget);
  if (op == "*" && (b.is_text() || lb != nullptr) && ia) return repeated(b, *ia, budget);
  if (op == "+" && a.is_text()) throw Failure{"can only concatenate str (not \"" + type_name(b) + "\") to str"};
  throw Failure{"unsupported operand type(s) for " + std::string(op) + ": '" + type_name(a) + "' and '" + type_name(b) + "'"};
}

Value negative(const Value& value) {
  require_defined(value);
  if (const auto whole = as_integer(value)) {
    if (*whole == INT64_MIN) overflow();
    return integer(-*whole);
  }
  if (const auto real = as_number(value)) return number(-*real);
  throw Failure{"bad operand type for unary -: '" + type_name(value) + "'"};
}

Value positive(const Value& value) {
  require_defined(value);
  if (const auto whole = as_integer(value)) return integer(*whole);
  if (const auto real = as_number(value)) return number(*real);
  throw Failure{"bad operand type for unary +: '" + type_name(value) + "'"};
}

bool compare(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  if (op == "==") return equal(a, b, budget);
  if (op == "!=") return !equal(a, b, budget);
  if (op == "in") return contains(b, a, budget);
  if (op == "not in") return !contains(b, a, budget);
  if (op == "<") return less(a, b, budget);
  if (op == ">") return less(b, a, budget);
  // NaN is neither less than anything nor at least as large.
  const auto na = as_number(a), nb = as_number(b);
  if (na && nb && (std::isnan(*na) || std::isnan(*nb))) return false;
  return op == "<=" ? !less(b, a, budget) : !less(a, b, budget);
}

Value slice(const Value& value, const Value& start, const Value& stop, const Value& step, Budget& budget) {
  if (value.is_text()) {
    budget.step(value.text().size() / 16);
    const std::u32string characters = to_utf32(value.text());
    std::string out;
    walk(steps_of(start, stop, step, characters.size()), [&](std::size_t at) { append_utf8(out, characters[at]); });
    return like(value, text(budget, std::move(out)));
  }
  const auto* held = value.get<ListRef>();
  if (held == nullptr || (*held)->form > ListForm::range)
    throw Failure{"'" + type_name(value) + "' object is not subscriptable with a slice"};
  std::vector<Value> items;
  const auto steps = steps_of(start, stop, step, (*held)->items.size());
  walk(steps, [&](std::size_t at) { items.push_back((*held)->items[at]); });
  budget.step(items.size());
  if ((*held)->form == ListForm::range) {
    const auto wrapping = [](Whole value) { return static_cast<std::uint64_t>(value); };  // only absurd ranges leave 64 bits
    const auto at = [&](Whole index) { return static_cast<Whole>(wrapping((*held)->start) + wrapping(index) * wrapping((*held)->step)); };
    const auto step_of_steps = static_cast<Whole>(wrapping((*held)->step) * wrapping(steps.step));
    return range(budget, std::move(items), at(steps.start), at(steps.stop), step_of_steps);
  }
  return list(budget, std::move(items), (*held)->form);
}

}  // namespace luthier::text::jinja
