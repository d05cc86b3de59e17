#include "actors/rest/query.hpp"

#include "events/json/utf8.hpp"

namespace luthier::rest {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_text(std::string_view text) { return json::is_utf8(text) && text.find('\0') == text.npos; }

}  // namespace

bool percent_decode(std::string_view raw, std::string& out, bool plus_is_blank, bool lenient) {
  out.clear();
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '%') {
      const int high = i + 2 < raw.size() ? digit(raw[i + 1]) : -1, low = i + 2 < raw.size() ? digit(raw[i + 2]) : -1;
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
      if (!lenient) return false;
    }
    out += raw[i] == '+' && plus_is_blank ? ' ' : raw[i];
  }
  return true;
}

Or<Query> Query::parse(std::string_view raw) {
  if (raw.size() > bytes_max)
    return detail(414, "The query has " + std::to_string(raw.size()) + " bytes; at most " + std::to_string(bytes_max) + " are read.");
  Query query;
  while (!raw.empty()) {
    const auto end = std::min(raw.find('&'), raw.size());
    const auto part = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (part.empty()) continue;
    if (query.parameters_.size() == parameters_max)
      return detail(400, "The query has more than " + std::to_string(parameters_max) + " parameters.");
    const auto equals = std::min(part.find('='), part.size());
    auto& [name, value] = query.parameters_.emplace_back();
    percent_decode(part.substr(0, equals), name, true, true);
    percent_decode(part.substr(std::min(equals + 1, part.size())), value, true, true);
    if (!is_text(name) || !is_text(value))
      return detail(400, "Parameter " + std::to_string(query.parameters_.size()) + " of the query is not UTF-8, or has a NUL.");
  }
  return query;
}

const std::string* Query::find(std::string_view name) const {
  for (auto at = parameters_.rbegin(); at != parameters_.rend(); ++at)
    if (at->first == name) return &at->second;
  return nullptr;
}

std::vector<std::string_view> Query::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [other, value] : parameters_)
    if (other == name) out.push_back(value);
  return out;
}

std::vector<const Query::Parameter*> Query::with_prefix(std::string_view prefix) const {
  std::vector<const Parameter*> out;
  for (const auto& parameter : parameters_)
    if (parameter.first.starts_with(prefix)) out.push_back(&parameter);
  return out;
}

}  // namespace luthier::rest
