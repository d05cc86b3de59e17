// Numbers as Python's two ways of formatting write them.
#pragma once

#include <string>

#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

// What a format says of one value.
struct Form {
  char kind = '\0';
  std::int64_t width = 0, precision = -1;
  char align = '\0';  // < > ^ =
  std::string fill = " ";
  char sign = '-';  // - (only negative numbers), + or blank
  bool alternate = false;
  char separator = '\0';  // between groups of digits: , or _
};

// To the form's width. With "=" the filling stands between a sign or 0x and the digits.
std::string padded(std::string text, const Form& form, char usual_align, Budget& budget);
std::string integer_digits(std::int64_t value, const Form& form);
std::string real_digits(double value, const Form& form);
// The text's first characters; a precision below 0: all.
std::string cut(std::string text, std::int64_t precision);
// Digits from `at` on, which moves behind them.
std::int64_t number_at(const std::string& format, std::size_t& at);

}  // namespace luthier::text::jinja
