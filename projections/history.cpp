#include "projections/history.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/codec/codec.hpp"

namespace luthier::projections {
namespace {

using nlohmann::ordered_json;
constexpr std::size_t limit_max = 1000;
constexpr std::size_t piece = 500;

// The adapter that a model's event speaks of.
bool names_adapter(const log::Record& record, const std::string& adapter) {
  const auto data = ordered_json::parse(record.data, nullptr, false);
  return data.is_object() && data.value("adapter", "") == adapter;
}

// Calls `each` for the records of a stream, oldest first, until it says no.
Result<void> walk(const log::EventLog& log, const StreamKey& stream, const std::function<bool(const log::Record&)>& each) {
  for (Version from = 1;; from += piece) {
    const auto records = log.read_stream(stream, from, piece);
    if (!records) return records.error();
    for (const auto& record : *records)
      if (!each(record)) return {};
    if (records->size() < piece) return {};
  }
}

// An adapter may have been an adapter of any model of its workspace: the whole log is asked.
Result<std::vector<log::Record>> adapter_records(const log::EventLog& log, const HistoryQuery& query) {
  std::vector<log::Record> found;
  for (Position from = query.from; found.size() <= query.limit;) {
    const auto records = log.read(from, piece);
    if (!records) return records.error();
    for (const auto& record : *records)
      if (record.stream.entity == "model" && record.workspace == query.workspace && names_adapter(record, query.name))
        found.push_back(record);
    if (records->size() < piece) break;
    from = records->back().position + 1;
  }
  return found;
}

Result<std::vector<log::Record>> entity_records(const log::EventLog& log, const HistoryQuery& query) {
  const auto streams = log.streams_of(query.entity, query.workspace, query.name);
  if (!streams) return streams.error();
  std::vector<log::Record> found;
  for (const auto& stream : *streams) {
    auto walked = walk(log, stream, [&](const log::Record& record) {
      if (record.position >= query.from) found.push_back(record);
      return found.size() <= query.limit;
    });
    if (!walked) return walked.error();
  }
  return found;
}

}  // namespace

std::string to_cloud_event(const log::Record& record) {
  ordered_json event{{"specversion", "1.0"},
                     {"id", std::to_string(record.position)},
                     {"source", "/workspaces/" + record.workspace + "/" + record.stream.entity + "s/" + record.name},
                     {"type", "luthier." + record.type + ".v" + std::to_string(record.type_version)},
                     {"time", format_time(record.time)},
                     {"datacontenttype", "application/json"},
                     {"position", record.position},
                     {"version", record.version},
                     {"commandid", record.command.id},
                     {"correlationid", record.correlation}};
  if (!record.causation.empty()) event["causationid"] = record.causation;
  if (!record.traceparent.empty()) event["traceparent"] = record.traceparent;
  event["principal"] = record.command.principal;
  event["previoushash"] = record.previous;
  event["hash"] = record.hash;
  // The data goes in as it is stored: canonical, and what the hash was taken of.
  auto text = event.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  text.pop_back();
  return text + ",\"data\":" + record.data + "}";
}

Result<History> history(const log::EventLog& log, const HistoryQuery& query) {
  auto bounded = query;
  bounded.limit = std::clamp<std::size_t>(query.limit, 1, limit_max);
  auto records = query.entity == "adapter" ? adapter_records(log, bounded) : entity_records(log, bounded);
  if (!records) return records.error();
  History answer;
  for (const auto& record : *records) {
    if (answer.events.size() == bounded.limit) {
      answer.next = record.position;
      break;
    }
    answer.events.push_back(to_cloud_event(record));
  }
  return answer;
}

}  // namespace luthier::projections
