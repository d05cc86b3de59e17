// The preparer reads the rows of submitted jobs, as their first step: once the model is analysed and every file has come, it has the
// rows checked and written as the engine reads them, and says what came of it.
#pragma once

#include <caf/fwd.hpp>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/settings.hpp"
#include "events/log/event_log.hpp"

namespace luthier::core {

// All that is read for a job, as it is named now.
struct Preparation {
  std::string workspace, job, method;
  std::string model_id, model_fileset_id, dataset_fileset_id;
  std::vector<events::File> model_files, dataset_files;
  std::optional<events::JobTeacher> teacher;  // of a distillation, with its files
  bool has_validation_fileset = false;  // one of its own
  std::vector<events::File> validation_files;
  std::string config;       // the engine's, as it was submitted
  std::string preparation;  // how to find and read the rows, a JSON object
  std::vector<events::Device> devices;  // of all workers that are present
};

struct Prepared {
  events::PrepareJob command;
  std::vector<std::string> warnings;  // what its user should know, one sentence each
};

// The door: reads files, may take minutes, is called from the preparer's own thread.
class JobPreparer {
 public:
  virtual ~JobPreparer() = default;
  virtual Result<Prepared> prepare(const Preparation& preparation) = 0;
};

struct NotYet {
  std::string why;
};
struct Never {
  std::string why;
};
// What a submitted job needs: all of it is there, or still to come, or gone for good.
std::variant<Preparation, NotYet, Never> gather_preparation(const events::World& world, const events::JobState& job);

caf::behavior preparer_actor(caf::event_based_actor* self, JobPreparer* preparer, const log::EventLog* log, caf::actor log_actor,
                             caf::actor entity, Settings settings);

}  // namespace luthier::core
