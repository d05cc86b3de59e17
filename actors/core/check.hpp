// What must be looked up in the world (blobs, rows, memory) before a command can be decided. The look-up's results become
// data of the command, so that deciding stays pure, and what was found is in the log.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "events/world/world.hpp"

namespace luthier::core {

// The files that a check reads, as they are named now.
struct CheckContext {
  std::string model_id, model_fileset_id, fileset_id;
  std::vector<events::File> model_files;  // the checkpoint's
  std::optional<events::JobTeacher> teacher;
  std::vector<events::File> files;        // of the dataset or adapter fileset that the command names
  std::vector<events::Device> devices;    // of all workers that are present
};

bool needs_check(const events::Command& command);

// Fails when the command names something that does not exist (so that the check has nothing to read).
Result<CheckContext> gather(const events::World& world, const events::Request& request);

// The door: reads files, may take seconds, is called from an actor of its own.
class Checker {
 public:
  virtual ~Checker() = default;
  // The command with what was found in it; or the refusal, naming row, field or size.
  virtual Result<events::Command> check(const events::Request& request, const CheckContext& context) = 0;
  // The spec of a checkpoint, canonical JSON.
  virtual Result<std::string> describe_model(const std::vector<events::File>& files) = 0;
};

}  // namespace luthier::core
