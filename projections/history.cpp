#include "projections/history.hpp"

#include <algorithm>

#include "events/json/value.hpp"

namespace luthier::projections {
namespace {

constexpr std::size_t limit_max = 1000;
constexpr std::size_t piece = 1000;
constexpr std::size_t scanned_max = 200'000;  // records that one call looks at in search of an adapter's

// Members of a JSON object, in the order of the calls.
class ObjectText {
 public:
  void text(std::string_view name, std::string_view value) {
    begin(name);
    json::append(out_, value);
  }
  void text_unless_empty(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number(std::string_view name, std::int64_t value) {
    begin(name);
    json::append(out_, value);
  }
  void embedded(std::string_view name, std::string_view json) {
    begin(name);
    out_ += json;
  }
  std::string take() { return std::move(out_) + "}"; }

 private:
  void begin(std::string_view name) {
    out_ += out_.empty() ? '{' : ',';
    json::append(out_, name);
    out_ += ':';
  }
  std::string out_;
};

// The first version of the stream that is not before the position; a search, since a stream may be long.
Result<Version> first_version_from(const log::EventLog& log, const StreamKey& stream, Position from) {
  const auto is_before = [&](Version version) -> Result<bool> {
    const auto record = log.read_stream(stream, version, 1);
    if (!record) return record.error();
    return !record->empty() && record->front().position < from;
  };
  Version before = 0, from_here = 1;  // versions up to `before` are before the position
  for (Version step = 1;; step *= 2) {
    const auto is = is_before(from_here);
    if (!is) return is.error();
    if (!*is) break;
    before = from_here;
    from_here += step;
  }
  while (from_here - before > 1) {
    const Version middle = before + (from_here - before) / 2;
    const auto is = is_before(middle);
    if (!is) return is.error();
    (*is ? before : from_here) = middle;
  }
  return from_here;
}

Result<History> history_of_stream(const log::EventLog& log, const HistoryQuery& query, std::size_t limit) {
  const auto streams = log.streams_of(query.entity, query.workspace, query.name);
  if (!streams) return streams.error();
  History history;
  for (const StreamKey& stream : *streams) {
    const auto first = first_version_from(log, stream, query.from);
    if (!first) return first.error();
    const auto records = log.read_stream(stream, *first, limit + 1 - history.events.size());
    if (!records) return records.error();
    for (const log::Record& record : *records) {
      if (history.events.size() == limit) {
        history.next = record.position;
        return history;
      }
      history.events.push_back(to_cloud_event(record));
    }
  }
  return history;
}

// An adapter has no stream of its own: the log is read through, a bounded part of it at a time. The first member of each of
// its events is its name, as the codec writes it.
Result<History> history_of_adapter(const log::EventLog& log, const HistoryQuery& query, std::size_t limit) {
  std::string begin = "{\"adapter\":";
  json::append(begin, std::string_view(query.name));
  const auto is_its = [&](const log::Record& record) {
    return record.stream.entity == "model" && record.workspace == query.workspace && record.type.starts_with("Adapter") &&
           record.data.starts_with(begin);
  };
  History history;
  Position at = std::max<Position>(1, query.from);
  for (std::size_t scanned = 0; scanned < scanned_max; scanned += piece) {
    const auto records = log.read(at, piece);
    if (!records) return records.error();
    if (records->empty()) return history;
    for (const log::Record& record : *records) {
      if (!is_its(record)) continue;
      if (history.events.size() == limit) {
        history.next = record.position;
        return history;
      }
      history.events.push_back(to_cloud_event(record));
    }
    at = records->back().position + 1;
  }
  history.next = at;
  return history;
}

}  // namespace

std::string to_cloud_event(const log::Record& record) {
  ObjectText event;
  event.text("specversion", "1.0");
  event.text("id", std::to_string(record.position));
  event.text("source", "/workspaces/" + record.workspace + "/" + record.stream.entity + "s/" + record.name);
  event.text("type", "luthier." + record.type + ".v" + std::to_string(record.type_version));
  event.text("time", format_time(record.time));
  event.text("datacontenttype", "application/json");
  event.number("position", record.position);
  event.number("version", record.version);
  event.text("commandid", record.command.id);
  event.text("correlationid", record.correlation.empty() ? record.command.id : record.correlation);
  event.text_unless_empty("causationid", record.causation);
  event.text_unless_empty("traceparent", record.traceparent);
  event.text("principal", record.command.principal);
  event.text("previoushash", record.previous);
  event.text("hash", record.hash);
  event.embedded("data", record.data);
  return event.take();
}

Result<History> history(const log::EventLog& log, const HistoryQuery& query) {
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, limit_max);
  return query.entity == "adapter" ? history_of_adapter(log, query, limit) : history_of_stream(log, query, limit);
}

}  // namespace luthier::projections
