// The log as people and subscribers see it: CloudEvents 1.0 whose extension attributes carry position, version, causation,
// correlation and hash.
#pragma once

#include <string>
#include <vector>

#include "events/log/event_log.hpp"

namespace luthier::projections {

// {"specversion":"1.0","id":"42","source":"/workspaces/default/models/smol","type":"luthier.ModelCreated.v1","time":…,
//  "datacontenttype":"application/json","position":42,"version":1,"commandid":…,"correlationid":…,"causationid"?,
//  "traceparent"?,"principal":…,"previoushash":…,"hash":…,"data":{…}}
std::string to_cloud_event(const log::Record& record);

struct HistoryQuery {
  std::string entity, workspace, name;  // entity "adapter": `name` is the adapter's; its events are in its model's stream
  Position from = 1;                    // not before this position
  std::size_t limit = 100;              // at most 1000
};
struct History {
  std::vector<std::string> events;  // CloudEvents, oldest first; of every entity that ever had the name
  Position next = 0;                // ask again from here; 0: that was all
};
Result<History> history(const log::EventLog& log, const HistoryQuery& query);

}  // namespace luthier::projections
