#include "actors/rest/moment.hpp"

#include <string>

namespace luthier::rest {
namespace {

constexpr std::size_t date_bytes = 10, minute_bytes = 16, second_bytes = 19, fraction_digits_max = 9;
constexpr Timestamp minute_us = 60'000'000;

std::optional<int> two_digits(std::string_view text) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return std::nullopt;
  return (text[0] - '0') * 10 + text[1] - '0';
}

// "+01:00", "-0130", " 05": minutes east of UTC.
std::optional<int> zone_minutes(std::string_view zone) {
  if (zone.empty() || zone == "Z" || zone == "z") return 0;
  const auto hours = zone.size() >= 3 ? two_digits(zone.substr(1, 2)) : std::nullopt;
  std::string_view rest = zone.size() >= 3 ? zone.substr(3) : std::string_view();
  if (!rest.empty() && rest.front() == ':') rest.remove_prefix(1);
  const auto minutes = zone.size() == 3 ? std::optional<int>(0) : two_digits(rest);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return (zone.front() == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<Timestamp> read_moment(std::string_view text) {
  if (text.size() < date_bytes || text.size() > 64) return std::nullopt;
  std::string canonical(text.substr(0, date_bytes));
  std::string_view rest = text.substr(date_bytes), zone;
  if (rest.empty() || (rest.front() != 'T' && rest.front() != 't' && rest.front() != ' ')) {
    if (!rest.empty()) return std::nullopt;
    canonical += "T00:00:00Z";
  } else {
    const auto zone_at = std::min(text.find_first_of("Zz+- ", date_bytes + 1), text.size());
    std::string_view time = text.substr(date_bytes + 1, zone_at - date_bytes - 1);
    zone = text.substr(zone_at);
    const auto point = time.find('.');
    std::string fraction(point == time.npos ? std::string_view() : time.substr(point + 1));
    if (point != time.npos && fraction.empty()) return std::nullopt;
    if (fraction.size() > fraction_digits_max && fraction.find_first_not_of("0123456789") == fraction.npos)
      fraction.resize(fraction_digits_max);
    time = time.substr(0, point);
    canonical += "T" + std::string(time);
    if (canonical.size() == minute_bytes) canonical += ":00";
    if (canonical.size() != second_bytes) return std::nullopt;
    canonical += (fraction.empty() ? "" : "." + fraction) + "Z";
  }
  const auto minutes = zone_minutes(zone);
  const auto moment = parse_time(canonical);
  if (!minutes || !moment) return std::nullopt;
  return *moment - *minutes * minute_us;
}

}  // namespace luthier::rest
