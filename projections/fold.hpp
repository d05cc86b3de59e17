// The folds: each event changes the rows of its entity. Pure but for the table, and exhaustive over the events: a new one does
// not compile until someone has thought of its rows.
#pragma once

#include <nlohmann/json.hpp>

#include "events/log/event_log.hpp"
#include "events/world/command.hpp"
#include "projections/table.hpp"

namespace luthier::projections {

using Row = nlohmann::ordered_json;

// The rows that one event may look at and change.
class Rows {
 public:
  Rows(Table& table, const log::Record& record) : table_(table), record_(record) {}

  const log::Record& record() const { return record_; }
  std::string time() const { return format_time(record_.time); }

  // A new row of the event's entity, with what every row has.
  void create(Row members);
  // Changes the event's own row, if it is there, and marks the change.
  void change(const std::function<void(Row&)>& what) { change(record_.stream.entity, record_.name, what); }
  void change(const std::string& entity, const std::string& name, const std::function<void(Row&)>& what);
  void erase() { erase(record_.stream.entity, record_.name); }
  void erase(const std::string& entity, const std::string& name) { table_.erase(row_key(entity, record_.workspace, name)); }
  void put(const std::string& entity, const std::string& name, const Row& row);
  std::optional<Row> get(const std::string& entity, const std::string& name) const;

 private:
  Table& table_;
  const log::Record& record_;
};

using namespace events;

// workspaces.cpp
void fold(Rows& rows, const WorkspaceCreated& event);
void fold(Rows& rows, const WorkspaceDeleted& event);
// filesets.cpp
void fold(Rows& rows, const FilesetCreated& event);
void fold(Rows& rows, const FilesetUpdated& event);
void fold(Rows& rows, const FilePut& event);
void fold(Rows& rows, const FileDeleted& event);
void fold(Rows& rows, const FilesetDeleted& event);
// models.cpp
void fold(Rows& rows, const ModelCreated& event);
void fold(Rows& rows, const ModelUpdated& event);
void fold(Rows& rows, const ModelSpecFilled& event);
void fold(Rows& rows, const ModelSpecFailed& event);
void fold(Rows& rows, const ModelDeleted& event);
void fold(Rows& rows, const AdapterCreated& event);
void fold(Rows& rows, const AdapterUpdated& event);
void fold(Rows& rows, const AdapterEnabled& event);
void fold(Rows& rows, const AdapterDisabled& event);
void fold(Rows& rows, const AdapterDeleted& event);
// jobs.cpp
void fold(Rows& rows, const JobQueued& event);
void fold(Rows& rows, const JobPlaced& event);
void fold(Rows& rows, const JobStarted& event);
void fold(Rows& rows, const JobAttemptStarted& event);
void fold(Rows& rows, const JobCheckpointed& event);
void fold(Rows& rows, const JobAttemptEnded& event);
void fold(Rows& rows, const JobStepFinished& event);
void fold(Rows& rows, const JobCancelRequested& event);
void fold(Rows& rows, const JobPauseRequested& event);
void fold(Rows& rows, const JobPaused& event);
void fold(Rows& rows, const JobResumed& event);
void fold(Rows& rows, const JobCompleted& event);
void fold(Rows& rows, const JobFailed& event);
void fold(Rows& rows, const JobCancelled& event);
// deployments.cpp
void fold(Rows& rows, const DeploymentCreated& event);
void fold(Rows& rows, const DeploymentUpdated& event);
void fold(Rows& rows, const DeploymentPlaced& event);
void fold(Rows& rows, const DeploymentReady& event);
void fold(Rows& rows, const DeploymentAttemptEnded& event);
void fold(Rows& rows, const DeploymentFailed& event);
void fold(Rows& rows, const DeploymentDeleteRequested& event);
void fold(Rows& rows, const DeploymentDeleted& event);
void fold(Rows& rows, const AdapterLoadRequested& event);
void fold(Rows& rows, const AdapterLoaded& event);
void fold(Rows& rows, const AdapterLoadFailed& event);
void fold(Rows& rows, const AdapterUnloadRequested& event);
void fold(Rows& rows, const AdapterUnloaded& event);
// workers.cpp
void fold(Rows& rows, const WorkerJoined& event);
void fold(Rows& rows, const WorkerDraining& event);
void fold(Rows& rows, const WorkerLost& event);

void fold(Table& table, const log::Record& record, const Event& event);

}  // namespace luthier::projections
