#include "actors/node/prepare_job.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "actors/api/customization_rules.hpp"
#include "actors/node/prepare_dataset.hpp"
#include "actors/node/prepare_dataset_discovery.hpp"
#include "actors/node/world_checker.hpp"
#include "events/base/temporary_directory.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/text/rows.hpp"
#include "gpu/text/tokenizer.hpp"
#include "gpu/train/config.hpp"

namespace luthier::node {
namespace {

using namespace events;
namespace fs = std::filesystem;
using nlohmann::json;

std::vector<std::string> paths_of(const std::vector<File>& files) {
  std::vector<std::string> paths;
  for (const auto& file : files) paths.push_back(file.path);
  return paths;
}

// "train.jsonl: row 12: …" of a file that was made here, in the words of the file that its user knows.
Error in_users_words(Error error, const PreparedDataset& dataset) {
  for (const RowsFile* rows : {&dataset.training, dataset.validation ? &*dataset.validation : nullptr}) {
    if (!rows || rows->origins.empty()) continue;
    const auto begin = error.message.find(rows->path.string() + ": row ");
    if (begin == std::string::npos) continue;
    const auto number_at = begin + rows->path.string().size() + 6;
    const auto number_end = error.message.find_first_not_of("0123456789", number_at);
    const auto place = rows->place_of(std::atoll(error.message.c_str() + number_at));
    if (!place.empty()) error.message.replace(begin, (number_end == std::string::npos ? error.message.size() : number_end) - begin, place);
  }
  return error;
}

// Directories of one preparation.
struct Scratch {
  TemporaryDirectory root;
  fs::path model() const { return root / "model"; }
  fs::path teacher() const { return root / "teacher"; }
  fs::path data() const { return root / "data"; }
  fs::path validation() const { return root / "validation"; }
  fs::path made() const { return root / "made"; }
};

RowUse use_of(const train::TrainingConfig& config) {
  if (config.dpo) return RowUse::preferences;
  return config.contrastive ? RowUse::embeddings : RowUse::text;
}

Result<PreparedDataset> read_dataset(const core::Preparation& preparation, const PreparationWish& wish, const Scratch& scratch,
                                     const fs::path& model, const std::function<bool()>& is_cancelled) {
  DatasetRequest request;
  request.is_cancelled = is_cancelled;
  request.directory = request.validation_directory = scratch.data();
  request.settings = wish.rows;
  request.out = scratch.made();
  const std::string title = "the dataset";
  if (wish.any_name) {
    auto found = discover_all(paths_of(preparation.dataset_files), title);
    if (!found) return found.error();
    request.training = std::move(*found);
  } else {
    auto found = discover_dataset(paths_of(preparation.dataset_files), title);
    if (!found) return found.error();
    request.training = std::move(found->training);
    request.validation = std::move(found->validation);
  }
  if (preparation.has_validation_fileset) {
    const auto paths = paths_of(preparation.validation_files);
    auto found = wish.any_name ? discover_all(paths, "the validation dataset") : discover_validation(paths, "the validation dataset");
    if (!found) return found.error();
    request.validation = std::move(*found);
    request.validation_directory = scratch.validation();
  }
  std::optional<text::Tokenizer> tokenizer;
  if (!wish.rows.text_field.empty()) {
    auto loaded = text::Tokenizer::load(model);
    if (!loaded) return loaded.error();
    tokenizer = std::move(*loaded);
    request.tokenizer = &*tokenizer;
  }
  return prepare_dataset(request);
}

Result<void> finish_schedule(const PreparationWish& wish, std::int64_t steps, train::TrainingConfig& config) {
  config.warmup_steps = std::max(config.warmup_steps, std::min(wish.warmup_least, steps - 1));
  if (wish.warmup_ratio) config.warmup_steps = static_cast<std::int64_t>(std::ceil(*wish.warmup_ratio * static_cast<double>(steps)));
  if (config.warmup_steps == 0 || config.warmup_steps < steps) return {};
  if (wish.warmup_ratio) return (config.warmup_steps = steps - 1), Result<void>();
  return invalid("warmup_steps (" + std::to_string(config.warmup_steps) + ") must be smaller than the " + std::to_string(steps) +
                     " steps that epochs, max_steps and batch size make of this dataset", "warmup_steps");
}

// The model may have been on its way when the job was submitted, and its size not known.
Result<void> check_space(const core::Preparation& preparation, const fs::path& directory) {
  std::int64_t bytes = 0;
  for (const auto& file : preparation.model_files) bytes += file.size;
  std::error_code failure;
  const auto space = fs::space(directory, failure);
  if (failure) return {};  // what cannot be asked refuses nothing
  const auto missing = api::missing_space(bytes, preparation.method == "full", space.available);
  return missing.empty() ? Result<void>() : Error{ErrorCode::limit, missing, "disk"};
}

const File* file_of(const std::vector<File>& files, const std::string& path) {
  const auto found = std::find_if(files.begin(), files.end(), [&](const File& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

std::int64_t memory_of_largest(const std::vector<Device>& devices) {
  std::int64_t most = 0;
  for (const auto& device : devices) most = std::max(most, device.memory_bytes);
  return most;
}

JobInputs inputs_of(const train::Preview& plan) {
  JobInputs inputs;
  inputs.rows = plan.rows;
  inputs.rows_left_out = plan.rows_left_out;
  inputs.tokens = plan.tokens;
  inputs.supervised_tokens = plan.supervised_tokens;
  inputs.steps = plan.steps;
  inputs.memory_bytes = plan.memory_bytes;
  inputs.engine_version = engine_version;
  return inputs;
}

Error without_path(Error error, const fs::path& path) {
  for (const auto* end : {"/", ": ", ""}) {
    const auto prefix = path.string() + end;
    for (auto at = error.message.find(prefix); at != std::string::npos; at = error.message.find(prefix)) error.message.erase(at, prefix.size());
  }
  return error;
}

Result<PreparationWish> read_preparation(const std::string& text) {
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return PreparationWish{};
  PreparationWish wish;
  try {
    wish.rows.prompt_template = object.value("prompt_template", "");
    wish.rows.text_field = object.value("text_field", "");
    wish.rows.apply_chat_template = object.value("apply_chat_template", false);
    wish.rows.splits = object.value("splits", true);
    wish.any_name = object.value("any_name", false);
    wish.validation = object.value("validation", "");
    if (object.contains("warmup_ratio")) wish.warmup_ratio = object["warmup_ratio"].get<double>();
    wish.warmup_least = object.value("warmup_least", std::int64_t{0});
    if (object.contains("validation_steps")) wish.validation_steps = object["validation_steps"].get<std::int64_t>();
    if (object.contains("validation_interval")) wish.validation_interval = object["validation_interval"].get<double>();
  } catch (const json::exception&) {
    return invalid("the job's preparation has a member of a wrong type", "preparation");
  }
  if (!wish.rows.prompt_template.empty())
    if (const auto names = text::members_of_template(wish.rows.prompt_template); !names) return names.error();
  return wish;
}

std::int64_t validation_every(const PreparationWish& wish, std::int64_t steps_per_epoch, std::int64_t steps) {
  const std::int64_t epoch = std::min(steps_per_epoch, steps);
  const double interval = wish.validation_interval.value_or(0);
  std::int64_t every = epoch;
  if (wish.validation_steps) every = *wish.validation_steps;
  else if (interval > 1) every = static_cast<std::int64_t>(std::min(interval, static_cast<double>(epoch)));
  else if (interval > 0) every = std::max<std::int64_t>(1, static_cast<std::int64_t>(interval * static_cast<double>(steps_per_epoch)));
  every = std::min(every, epoch);
  return every >= steps ? std::max<std::int64_t>(1, steps - 1) : every;
}

Result<core::Prepared> WorldChecker::prepare(const core::Preparation& preparation) {
  auto config = train::parse_training_config(preparation.config);
  if (!config) return config.error();
  auto wish = read_preparation(preparation.preparation);
  if (!wish) return wish.error();
  wish->rows.use = use_of(*config);
  if (auto room = check_space(preparation, scratch_.parent_path()); !room) return room.error();

  auto root = TemporaryDirectory::make(scratch_);
  if (!root) return root.error();
  const Scratch scratch{std::move(*root)};
  if (auto made = store_.materialise(preparation.model_files, scratch.model()); !made) return made.error();
  if (auto made = store_.materialise(preparation.dataset_files, scratch.data()); !made) return made.error();
  if (auto made = store_.materialise(preparation.validation_files, scratch.validation()); !made) return made.error();
  if (auto made = store_.materialise({}, scratch.made()); !made) return made.error();
  const auto model = checkpoint::locate_checkpoint(scratch.model());
  if (!model) return without_path(model.error(), scratch.model());
  const std::function<bool()> is_cancelled = [this] { return is_cancelled_.load(); };
  const auto dataset = read_dataset(preparation, *wish, scratch, *model, is_cancelled);
  if (!dataset) return without_path(dataset.error(), scratch.root.path());

  train::TrainRequest run;
  run.model = *model;
  run.data = dataset->training.path;
  if (dataset->validation) run.validation = dataset->validation->path;
  run.config = *config;
  if (preparation.teacher) {
    if (auto made = store_.materialise(preparation.teacher->files, scratch.teacher()); !made) return made.error();
    run.teacher = scratch.teacher();
  }
  run.memory_limit_bytes = static_cast<std::size_t>(memory_of_largest(preparation.devices));
  run.is_cancelled = is_cancelled;
  const auto plan = train::preview(run);
  if (!plan) {
    auto error = in_users_words(plan.error(), *dataset);
    for (const auto& directory : {scratch.data(), scratch.teacher(), scratch.root.path()}) error = without_path(std::move(error), directory);
    return error;
  }
  if (auto done = finish_schedule(*wish, plan->steps, *config); !done) return done.error();
  if (dataset->validation) config->validation_every = validation_every(*wish, plan->steps_per_epoch, plan->steps);

  core::Prepared prepared;
  prepared.warnings = dataset->warnings;
  prepared.command.config.text = train::canonical_json(*config);
  prepared.command.teacher = preparation.teacher;
  auto& inputs = prepared.command.inputs = inputs_of(*plan);
  inputs.model_id = preparation.model_id;
  inputs.model_fileset_id = preparation.model_fileset_id;
  inputs.dataset_fileset_id = preparation.dataset_fileset_id;
  inputs.model_files = preparation.model_files;
  const auto stored = [&](const RowsFile& rows, const std::vector<File>& files, const char* name) -> Result<File> {
    if (const auto* original = rows.original.empty() ? nullptr : file_of(files, rows.original)) return *original;
    const auto blob = store_.put_file(rows.path);
    if (!blob) return blob.error();
    return File{name, blob->digest, blob->size};
  };
  auto training = stored(dataset->training, preparation.dataset_files, "train.jsonl");
  if (!training) return training.error();
  inputs.dataset = std::move(*training);
  if (dataset->validation) {
    auto validation = stored(*dataset->validation, preparation.has_validation_fileset ? preparation.validation_files : preparation.dataset_files,
                             "validation.jsonl");
    if (!validation) return validation.error();
    inputs.validation = std::move(*validation);
  }
  return prepared;
}

}  // namespace luthier::node
