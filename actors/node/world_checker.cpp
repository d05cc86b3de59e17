#include "actors/node/world_checker.hpp"

#include <stdlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/node/prepare_job.hpp"
#include "events/base/temporary_directory.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/describe.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/train/config.hpp"
#include "gpu/train/preview.hpp"

namespace luthier::node {
namespace {

using namespace events;
namespace fs = std::filesystem;

Error at_field(Error error, const std::string& field) {
  error.field = error.field.empty() ? field : field + ": " + error.field;
  return error;
}

std::vector<File> rows_files(const std::vector<File>& files) {
  std::vector<File> rows;
  for (const auto& file : files)
    if (file.path.ends_with(".jsonl")) rows.push_back(file);
  return rows;
}

Result<File> choose_dataset(const std::vector<File>& files, const std::string& wanted, const std::string& field) {
  const auto find = [&](const std::string& path) {
    return std::find_if(files.begin(), files.end(), [&](const File& file) { return file.path == path; });
  };
  if (!wanted.empty()) {
    if (const auto found = find(wanted); found != files.end()) return *found;
    return Error{ErrorCode::not_found, "the dataset has no file " + wanted, field};
  }
  if (const auto found = find("train.jsonl"); found != files.end()) return *found;
  const auto rows = rows_files(files);
  if (rows.size() == 1) return rows.front();
  return invalid("the dataset has " + std::to_string(rows.size()) + " .jsonl files and no train.jsonl; name one", field);
}

}  // namespace

Result<Command> WorldChecker::check(const Request& request, const core::CheckContext& context) {
  if (const auto* create = std::get_if<CreateFileset>(&request.command)) return check_command(*create);
  if (const auto* put = std::get_if<PutFile>(&request.command)) return check_command(*put);
  if (const auto* create = std::get_if<CreateAdapter>(&request.command)) return check_command(*create, context);
  if (const auto* update = std::get_if<UpdateAdapter>(&request.command)) return check_command(*update, context);
  if (const auto* start = std::get_if<StartJob>(&request.command)) return check_command(*start, context);
  if (std::holds_alternative<CreateSecret>(request.command) || std::holds_alternative<UpdateSecret>(request.command)) return check_secret(request);
  return request.command;
}

// The value leaves its box here, and is sealed at once; neither box nor value goes any further.
Result<Command> WorldChecker::check_secret(const Request& request) const {
  const auto seal = [&](const std::string& box) -> Result<SealedValue> {
    const auto value = keyring_.open_box(box);
    if (!value) return value.error();
    return keyring_.seal(*value, request.key.workspace + "/" + request.name);
  };
  if (const auto* create = std::get_if<CreateSecret>(&request.command)) {
    auto sealed = seal(create->box);
    if (!sealed) return sealed.error();
    return Command{CreateSecret{create->description, "", std::move(*sealed)}};
  }
  const auto& update = std::get<UpdateSecret>(request.command);
  auto sealed = seal(*update.box);
  if (!sealed) return sealed.error();
  return Command{UpdateSecret{update.description, "", std::move(*sealed)}};
}

Result<std::string> WorldChecker::describe_model(const std::vector<File>& files) {
  auto scratch = TemporaryDirectory::make(scratch_);
  if (!scratch) return scratch.error();
  if (auto made = store_.materialise(files, scratch->path()); !made) return made.error();
  const auto model = checkpoint::locate_checkpoint(scratch->path());
  if (!model) return without_path(model.error(), scratch->path());
  const auto description = checkpoint::describe_model(*model);
  if (!description) return without_path(description.error(), scratch->path());
  return description->dump();
}

// The blob that a file names, which must be stored; what the client says of its size must be true.
Result<File> WorldChecker::stored(File file, const std::string& field) const {
  const auto blob = store_.claim(file.digest);
  if (!blob) return at_field(blob.error(), field);
  if (!*blob) return Error{ErrorCode::not_found, file.path + ": no blob " + file.digest + " is stored; store it first", field};
  if (file.size >= 0 && file.size != (*blob)->size)
    return invalid(file.path + ": the blob has " + std::to_string((*blob)->size) + " bytes, not " + std::to_string(file.size), field);
  file.size = (*blob)->size;
  return file;
}

Result<Command> WorldChecker::check_command(const CreateFileset& create) const {
  auto checked = create;
  for (auto& file : checked.files) {
    auto found = stored(file, "data.files");
    if (!found) return found.error();
    file = std::move(*found);
  }
  return Command{checked};
}

Result<Command> WorldChecker::check_command(const PutFile& put) const {
  const auto found = stored({put.path, put.digest, put.size}, "data.digest");
  if (!found) return found.error();
  return Command{PutFile{found->path, found->digest, found->size}};
}

Result<LoraShape> WorldChecker::check_adapter(const core::CheckContext& context) const {
  auto scratch = TemporaryDirectory::make(scratch_);
  if (!scratch) return scratch.error();
  const auto model_directory = scratch->path() / "model", adapter_directory = scratch->path() / "adapter";
  for (const auto& [files, directory] : {std::pair{context.model_files, model_directory}, {context.files, adapter_directory}})
    if (auto made = store_.materialise(files, directory); !made) return made.error();
  const auto model = checkpoint::locate_checkpoint(model_directory);
  if (!model) return without_path(model.error(), model_directory);
  const auto decoder = checkpoint::read_decoder(*model);
  if (!decoder) return without_path(decoder.error(), model_directory);
  const auto adapter = checkpoint::load_adapter(adapter_directory, *decoder);
  if (!adapter) return without_path(adapter.error(), adapter_directory);
  return LoraShape{adapter->config.r, adapter->config.alpha};
}

// Without a checkpoint of the model, an adapter is what the client says it is.
Result<Command> WorldChecker::check_command(const CreateAdapter& create, const core::CheckContext& context) const {
  if (context.model_files.empty()) return Command{create};
  const auto shape = check_adapter(context);
  if (!shape) return at_field(shape.error(), "data.fileset");
  if (create.lora && create.lora->rank != shape->rank)
    return invalid("the adapter has rank " + std::to_string(shape->rank) + ", not " + std::to_string(create.lora->rank), "data.lora");
  if (create.lora && create.lora->alpha != 0 && create.lora->alpha != shape->alpha)  // 0: not said
    return invalid("the adapter has alpha " + std::to_string(shape->alpha) + ", not " + std::to_string(create.lora->alpha), "data.lora");
  auto checked = create;
  checked.lora = *shape;
  return Command{checked};
}

Result<Command> WorldChecker::check_command(const UpdateAdapter& update, const core::CheckContext& context) const {
  if (context.model_files.empty()) return Command{update};
  const auto shape = check_adapter(context);
  if (!shape) return at_field(shape.error(), "data.fileset");
  auto checked = update;
  checked.lora = *shape;
  return Command{checked};
}

Result<Command> WorldChecker::check_command(const StartJob& start, const core::CheckContext& context) const {
  const auto config = train::parse_training_config(start.config.text);
  if (!config) return invalid(config.error().message, "data.config" + (config.error().field.empty() ? "" : "." + config.error().field));
  const auto dataset = choose_dataset(context.files, start.dataset_file, "data.dataset_file");
  if (!dataset) return dataset.error();
  std::optional<File> validation;
  if (!start.validation_file.empty()) {
    auto chosen = choose_dataset(context.files, start.validation_file, "data.validation_file");
    if (!chosen) return chosen.error();
    validation = std::move(*chosen);
  }

  auto scratch = TemporaryDirectory::make(scratch_);
  if (!scratch) return scratch.error();
  const auto model_directory = scratch->path() / "model", data_directory = scratch->path() / "data", teacher_directory = scratch->path() / "teacher";
  if (auto made = store_.materialise(context.model_files, model_directory); !made) return made.error();
  if (auto made = store_.materialise(context.files, data_directory); !made) return made.error();
  const auto model = checkpoint::locate_checkpoint(model_directory);
  if (!model) return at_field(without_path(model.error(), model_directory), "data.model");
  train::TrainRequest run;
  if (context.teacher) {
    if (auto made = store_.materialise(context.teacher->files, teacher_directory); !made) return made.error();
    run.teacher = teacher_directory;
  }
  run.model = *model;
  run.data = data_directory / dataset->path;
  if (validation) run.validation = data_directory / validation->path;
  run.config = *config;
  run.memory_limit_bytes = static_cast<std::size_t>(memory_of_largest(context.devices));
  run.is_cancelled = [this] { return is_cancelled_.load(); };
  const auto plan = train::preview(run);
  if (!plan) return at_field(without_path(without_path(plan.error(), data_directory), teacher_directory), "data.config");

  JobInputs inputs = inputs_of(*plan);
  inputs.model_id = context.model_id;
  inputs.model_fileset_id = context.model_fileset_id;
  inputs.dataset_fileset_id = context.fileset_id;
  inputs.model_files = context.model_files;
  inputs.dataset = *dataset;
  inputs.validation = validation;
  auto checked = start;
  checked.config.text = train::canonical_json(*config);
  checked.inputs = std::move(inputs);
  checked.seen_teacher = context.teacher;
  return Command{checked};
}

}  // namespace luthier::node
