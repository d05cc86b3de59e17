// Times as the log and NATS write them: RFC 3339 in UTC. Plain arithmetic on the proleptic Gregorian calendar; no locale,
// no time zone database.
#include <string>

#include "events/base/ids.hpp"

namespace luthier {
namespace {

constexpr std::int64_t second_us = 1'000'000, day_s = 86'400;

struct Date {
  std::int64_t year;
  int month, day;
};

// Years counted from March put the leap day at the end, where it moves nothing else.
constexpr std::int64_t days_since_epoch(Date date) {
  const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

constexpr Date date_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int march_month = static_cast<int>((5 * day_of_year + 2) / 153);
  const int month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1)};
}
static_assert(days_since_epoch({1970, 1, 1}) == 0 && days_since_epoch({2000, 3, 1}) == 11'017);

constexpr int days_in(std::int64_t year, int month) {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Exactly `width` digits and then `end`; -1 when the text is anything else.
int take(std::string_view& text, std::size_t width, char end) {
  if (text.size() <= width || text[width] != end) return -1;
  int value = 0;
  for (const char c : text.substr(0, width)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width + 1);
  return value;
}

// "123456Z", at most nine digits; what is finer than a microsecond is cut off.
std::int64_t take_fraction(std::string_view text) {
  if (text.size() < 2 || text.size() > 10 || text.back() != 'Z') return -1;
  text.remove_suffix(1);
  std::int64_t micros = 0, unit = second_us / 10;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    micros += (c - '0') * unit;
    unit /= 10;
  }
  return micros;
}

Error not_a_time(std::string_view text) {
  return invalid("'" + std::string(text.substr(0, 64)) + "' is not a time; write one such as 2026-11-23T20:15:04.123456Z");
}

}  // namespace

std::string format_time(Timestamp time) {
  std::int64_t seconds = time / second_us, micros = time % second_us;
  if (micros < 0) micros += second_us, --seconds;
  std::int64_t days = seconds / day_s, of_day = seconds % day_s;
  if (of_day < 0) of_day += day_s, --days;
  const Date date = date_of(days);
  // Digit by digit: each record and each row has a time in it, and snprintf took longer over it than the record's hash.
  std::string text = "0000-00-00T00:00:00.000000Z";
  const auto put = [&](std::size_t end, int digits, std::int64_t value) {
    for (; digits > 0; --digits, value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(7, 2, date.month);
  put(10, 2, date.day);
  put(13, 2, of_day / 3'600);
  put(16, 2, of_day / 60 % 60);
  put(19, 2, of_day % 60);
  put(26, 6, micros);
  if (date.year < 0 || date.year > 9'999) return std::to_string(date.year) + text.substr(4);
  put(4, 4, date.year);
  return text;
}

Result<Timestamp> parse_time(std::string_view text) {
  std::string_view rest = text;
  const int year = take(rest, 4, '-'), month = take(rest, 2, '-'), day = take(rest, 2, 'T');
  const int hour = take(rest, 2, ':'), minute = take(rest, 2, ':');
  const bool whole = rest.size() == 3;  // "04Z"; otherwise "04.123456Z"
  const int second = take(rest, 2, whole ? 'Z' : '.');
  const std::int64_t micros = whole ? 0 : take_fraction(rest);
  const bool in_range = year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= days_in(year, month) && hour >= 0 &&
                        hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59 && micros >= 0;
  if (!in_range) return not_a_time(text);
  const std::int64_t days = days_since_epoch({year, month, day});
  return ((days * 24 + hour) * 60 + minute) * 60 * second_us + second * second_us + micros;
}

}  // namespace luthier
