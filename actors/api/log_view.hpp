// The log as one caller may read it. Roles change while a stream lasts, so a view is made anew for each piece that is read.
#pragma once

#include <map>
#include <string>

#include "actors/api/routes.hpp"
#include "events/log/event_log.hpp"

namespace luthier::api {

class LogView {
 public:
  explicit LogView(const Context& context) : context_(context) {}

  bool shows(const log::Record& record);
  // The first moment of a workspace that this caller may see. Members see what has happened since it was made: an older one of the
  // same name was somebody else's. Whoever may read every workspace sees the deleted ones, too.
  static constexpr Timestamp never = INT64_MAX;
  Timestamp seen_from(const std::string& workspace);

 private:
  Timestamp look_up(const std::string& workspace) const;

  const Context& context_;
  std::map<std::string, Timestamp> seen_from_;
};

// The workspace that an event is about: events of workspaces themselves are kept in "system", under the workspace's name.
const std::string& workspace_of(const log::Record& record);

// As a CloudEvent. Of a secret its value is left out, though it is sealed: who may read a workspace need not have it.
std::string shown_event(const log::Record& record);

}  // namespace luthier::api
