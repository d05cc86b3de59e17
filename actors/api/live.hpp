// What the contract has no routes for: the event log live and as a list, the state at any past position, a training's curve, and
// whether the log is what was written. Everything here reads, and shows a caller what its roles show.
#pragma once

#include <atomic>

#include "actors/api/event_feed.hpp"
#include "actors/api/log_audit.hpp"
#include "actors/api/past_states.hpp"
#include "actors/api/routes.hpp"

namespace luthier::api {

struct Live {
  explicit Live(const Services& services)
      : log(*services.log), feed(*services.feed), past(log), audit(log, services.settings.log_directory, services.platform) {}

  const log::EventLog& log;
  const EventFeed& feed;
  PastStates past;
  LogAudit audit;
  std::atomic<int> streams = 0;  // that run now
};

// GET /luthier/v1/events
std::vector<rest::QueryField> stream_fields();
void stream_events(Context& context, Live& live);
// GET /luthier/v1/log
std::vector<rest::QueryField> list_fields();
rest::Answer list_events(Context& context, Live& live);
// GET /luthier/v1/state/{entity}/{workspace}
std::vector<rest::QueryField> state_fields();
rest::Answer show_state(Context& context, Live& live);

// Which events a request asks for.
struct WantedEvents {
  std::string workspace, entity, name;  // empty: all
  bool fits(const log::Record& record) const;
};
std::vector<rest::QueryField> wanted_fields();
WantedEvents wanted_of(const rest::Json& query);

// The refusal, when this caller may see nothing of the workspace; "": it did not name one.
std::optional<rest::Answer> hidden(const Context& context, const std::string& workspace);
rest::Answer busy(std::string_view sentence);  // 503, to be tried again
// Rows and events are JSON already: they are put together as text, not parsed again.
std::string array_of(const std::vector<std::string>& items);

}  // namespace luthier::api
