// One query, as it comes over the bus, and its answer:
//
//   luthier.v1.qry.<workspace>.<entity>.<verb>   {"name"?, "after"?, "limit"?, "at"?, "min_position"?, "from"?}
//   {"position": N, "item": {…}}                           get
//   {"position": N, "items": […], "next": "…" | null}      list, history, and `log` `read`
//   {"error": {"code", "field", "message"}}
//
// `at` is a position, or a time as RFC 3339 has it: the answer is then what it would have been once that had been folded.
#pragma once

#include <map>
#include <string>

#include "actors/bus/bus.hpp"
#include "events/base/ids.hpp"
#include "events/base/result.hpp"
#include "events/log/event_log.hpp"

namespace luthier::projections {
class ReadModels;
}

namespace luthier::core {

struct Query {
  std::string workspace, entity, verb;
  std::string name, after, at;
  std::size_t limit = 100;
  Position min_position = 0, from = 1;
};

Result<Query> parse_query(const bus::Message& message);

// The whole answer, errors included. `waiting`: why queued jobs wait, by their ids; an answer about the present says it as
// "waiting_for".
std::string run_query(const Query& query, const projections::ReadModels& now, const log::EventLog& log,
                      const std::map<std::string, std::string>& waiting = {});

}  // namespace luthier::core
