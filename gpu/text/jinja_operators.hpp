// Operators, subscripts and slices.
#pragma once

#include <string_view>

#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

class Machine;

// + - * / // % **
Value binary(std::string_view op, const Value& a, const Value& b, Budget& budget);
Value negative(const Value& value);
Value positive(const Value& value);
// == != < <= > >= in "not in"
bool compare(std::string_view op, const Value& a, const Value& b, Budget& budget);

// value[start:stop:step]; the three are None (or not given) or integers.
Value slice(const Value& value, const Value& start, const Value& stop, const Value& step, Budget& budget);

// "…" % value: the conversions s, r, d, i, u, x, X, o, c, f, F, e, E, g, G and %.
// `escapes`: the format is markup, so what it takes in is escaped.
std::string percent_format(const std::string& format, const Value& value, Budget& budget, bool escapes = false);
// "…".format(…): {}, {0}, {name.member[key]:{width}}, and the format specifications of Python for texts and numbers.
std::string brace_format(Machine& machine, const std::string& format, const Call& call, bool escapes = false);

// A failure that names the undefined value, if it is one.
void require_defined(const Value& value);

}  // namespace luthier::text::jinja
