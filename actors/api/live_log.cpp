// The event log as a list that can be walked in both directions.
#include <algorithm>

#include "actors/api/live.hpp"
#include "actors/api/log_view.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {

using namespace rest;

namespace {

constexpr std::size_t scanned_max = 20'000;  // records that one request looks at
constexpr std::size_t items_max = 1000;

struct Found {
  std::vector<std::string> events;      // oldest first
  Position earlier = 0, later = 0;      // where to go on: before the one, from the other; 0: there is nothing
};

// Looks at records from one end of a range until there are enough. `take` says whether it wants more.
template <class Take>
Result<void> forward(const log::EventLog& log, Position from, Position last, Take take) {
  for (Position at = from; at <= last;) {
    const auto records = log.read(at, std::min<std::size_t>(items_max, static_cast<std::size_t>(last - at + 1)));
    if (!records) return records.error();
    if (records->empty()) return {};
    for (const auto& record : *records)
      if (!take(record)) return {};
    at = records->back().position + 1;
  }
  return {};
}

template <class Take>
Result<void> backward(const log::EventLog& log, Position last, Take take) {
  while (last > 0) {
    const auto from = std::max<Position>(1, last - static_cast<Position>(items_max) + 1);
    const auto records = log.read(from, static_cast<std::size_t>(last - from + 1));
    if (!records) return records.error();
    for (auto record = records->rbegin(); record != records->rend(); ++record)
      if (!take(*record)) return {};
    last = from - 1;
  }
  return {};
}

Result<Found> find_events(const Context& context, const log::EventLog& log, const Json& query, Position readable) {
  LogView view(context);
  const auto wanted = wanted_of(query);
  const auto limit = query["limit"].get<std::size_t>();
  Found found;
  std::size_t scanned = 0;
  Position looked_at = 0;  // the last one that was taken or passed over
  const auto take = [&](const log::Record& record) {
    if (found.events.size() == limit || scanned == scanned_max) return false;
    ++scanned;
    looked_at = record.position;
    if (wanted.fits(record) && view.shows(record)) found.events.push_back(shown_event(record));
    return true;
  };
  if (const auto* from = find_member(query, "from")) {
    const auto first = from->get<Position>();
    if (auto done = forward(log, first, readable, take); !done) return done.error();
    found.later = looked_at > 0 && looked_at < readable ? looked_at + 1 : 0;
    found.earlier = first > 1 ? std::min(first, readable + 1) : 0;
    return found;
  }
  const auto* before = find_member(query, "before");
  const auto last = before ? std::min(before->get<Position>() - 1, readable) : readable;
  if (auto done = backward(log, last, take); !done) return done.error();
  std::reverse(found.events.begin(), found.events.end());
  found.earlier = looked_at > 1 ? looked_at : 0;
  found.later = last < readable ? last + 1 : 0;
  return found;
}

std::string number_or_null(Position position) { return position > 0 ? std::to_string(position) : "null"; }

}  // namespace

std::vector<QueryField> list_fields() {
  auto fields = wanted_fields();
  fields.push_back({maybe("from", integer().at_least(1)), "The first position, going forward."});
  fields.push_back({maybe("before", integer().at_least(1)), "The position after the last one, going back; without either, the newest events."});
  fields.push_back({optional("limit", integer().at_least(1).at_most(items_max), 100), "At most so many events."});
  return fields;
}

Answer list_events(Context& context, Live& live) {
  const auto query = read_query(context.query, list_fields());
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  if (auto refusal = hidden(context, std::get<Json>(query)["workspace"].get<std::string>())) return *refusal;
  const auto readable = context.services.platform.read_models().position();
  const auto found = find_events(context, live.log, std::get<Json>(query), readable);
  if (!found) return from_error(found.error());
  Answer answer;
  answer.body = "{\"head\":" + std::to_string(readable) + ",\"items\":" + array_of(found->events) + ",\"earlier\":" + number_or_null(found->earlier) +
                ",\"later\":" + number_or_null(found->later) + "}";
  return answer;
}

}  // namespace luthier::api
