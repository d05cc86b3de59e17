#include "actors/core/check.hpp"

#include "events/world/rules.hpp"

namespace luthier::core {
namespace {

using namespace events;

Error missing(const std::string& what, const std::string& reference, const std::string& field) {
  return {ErrorCode::not_found, what + " " + reference + " does not exist", field};
}

const FilesetState* find_fileset(const World& world, const std::string& reference, const std::string& workspace) {
  const auto name = parse_reference(reference, workspace);
  if (!name) return nullptr;
  const auto found = world.filesets.find(*name);
  return found == world.filesets.end() ? nullptr : &found->second;
}

const ModelState* find_model(const World& world, const std::string& reference, const std::string& workspace) {
  const auto name = parse_reference(reference, workspace);
  if (!name) return nullptr;
  const auto found = world.models.find(*name);
  return found == world.models.end() ? nullptr : &found->second;
}

std::vector<File> files_of(const FilesetState& fileset) {
  std::vector<File> files;
  for (const auto& [path, file] : fileset.files) files.push_back(file);
  return files;
}

// The checkpoint of a model, from the fileset that it was created with.
Result<void> gather_model(const World& world, const ModelState& model, CheckContext& context) {
  const auto* fileset = find_fileset(world, model.fileset, model.workspace);
  if (!fileset || fileset->id != model.fileset_id)
    return Error{ErrorCode::conflict, "the fileset " + model.fileset + " of model " + model.name + " is gone", "data.model"};
  context.model_id = model.id;
  context.model_fileset_id = fileset->id;
  context.model_files = files_of(*fileset);
  return {};
}

Result<CheckContext> gather_adapter(const World& world, const Request& request, const std::string& reference) {
  CheckContext context;
  const auto* model = find_model(world, request.name, request.key.workspace);
  if (!model) return missing("model", request.name, "name");
  const auto* fileset = find_fileset(world, reference, request.key.workspace);
  if (!fileset) return missing("fileset", reference, "data.fileset");
  context.fileset_id = fileset->id;
  context.files = files_of(*fileset);
  if (model->fileset.empty()) return context;  // served elsewhere: there is nothing to check against
  if (auto done = gather_model(world, *model, context); !done) return done.error();
  return context;
}

Result<void> gather_teacher(const World& world, const Request& request, const std::optional<std::string>& reference, CheckContext& context) {
  if (!reference) return {};
  const auto* model = find_model(world, *reference, request.key.workspace);
  if (!model) return missing("model", *reference, "data.teacher");
  CheckContext read;
  if (auto done = gather_model(world, *model, read); !done) return Error{done.error().code, done.error().message, "data.teacher"};
  context.teacher = JobTeacher{reference_to(*model), read.model_id, read.model_fileset_id, std::move(read.model_files)};
  return {};
}

Result<CheckContext> gather_job(const World& world, const Request& request, const StartJob& start) {
  CheckContext context;
  const auto* model = find_model(world, start.model, request.key.workspace);
  if (!model) return missing("model", start.model, "data.model");
  const auto* dataset = find_fileset(world, start.dataset, request.key.workspace);
  if (!dataset) return missing("fileset", start.dataset, "data.dataset");
  context.fileset_id = dataset->id;
  context.files = files_of(*dataset);
  if (auto done = gather_model(world, *model, context); !done) return done.error();
  if (auto done = gather_teacher(world, request, start.teacher, context); !done) return done.error();
  for (const auto& [name, worker] : world.workers)
    if (worker.present) context.devices.insert(context.devices.end(), worker.devices.begin(), worker.devices.end());
  return context;
}

}  // namespace

bool needs_check(const Command& command) {
  if (const auto* create = std::get_if<CreateFileset>(&command)) return !create->files.empty();
  if (const auto* update = std::get_if<UpdateAdapter>(&command)) return update->fileset.has_value();
  if (const auto* update = std::get_if<UpdateSecret>(&command)) return update->box.has_value();
  return std::holds_alternative<CreateSecret>(command) || std::holds_alternative<PutFile>(command) || std::holds_alternative<CreateAdapter>(command) ||
         std::holds_alternative<StartJob>(command);
}

Result<CheckContext> gather(const World& world, const Request& request) {
  if (const auto* start = std::get_if<StartJob>(&request.command)) return gather_job(world, request, *start);
  if (const auto* create = std::get_if<CreateAdapter>(&request.command))
    return gather_adapter(world, request, create->fileset);
  if (const auto* update = std::get_if<UpdateAdapter>(&request.command))
    return gather_adapter(world, request, *update->fileset);
  return CheckContext{};
}

}  // namespace luthier::core
