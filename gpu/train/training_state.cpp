#include "gpu/train/training_state.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "events/base/file.hpp"
#include "gpu/checkpoint/safetensors.hpp"

namespace luthier::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* format = "luthier.training.1";
constexpr std::size_t states_kept = 2;

struct Stored {
  std::int64_t step;
  fs::path path;
};

constexpr std::size_t metrics_bytes_max = std::size_t{4} << 30;

std::optional<std::int64_t> step_of(const fs::path& path) {
  const std::string name = path.filename().string();
  constexpr std::string_view before = "step-", after = ".safetensors";
  if (!name.starts_with(before) || !name.ends_with(after)) return {};
  std::int64_t step = 0;
  const char *begin = name.data() + before.size(), *end = name.data() + name.size() - after.size();
  const auto [stop, error] = std::from_chars(begin, end, step);
  return error == std::errc{} && stop == end ? std::optional(step) : std::nullopt;
}

// Newest first.
std::vector<Stored> states_in(const fs::path& directory) {
  std::vector<Stored> states;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored))
    if (const auto step = step_of(entry.path())) states.push_back({*step, entry.path()});
  std::sort(states.begin(), states.end(), [](const Stored& a, const Stored& b) { return a.step > b.step; });
  return states;
}

fs::path metrics_of(fs::path state) { return state.replace_extension(".metrics.jsonl"); }

fs::path path_of(const fs::path& directory, std::int64_t step) {
  char name[40];
  std::snprintf(name, sizeof name, "step-%08lld.safetensors", static_cast<long long>(step));
  return directory / name;
}

// Everything that a file holds: its name there, and where it lies.
std::vector<Optimizer::State> values_of(const model::Trainable& trainable) {
  std::vector<Optimizer::State> values;
  for (const model::Parameter& p : trainable.parameters())
    values.push_back({"value/" + p.name, p.shape, {p.value, static_cast<std::size_t>(p.count)}});
  return values;
}

std::vector<Optimizer::State> all_of(const model::Trainable& trainable, const Optimizer& optimizer) {
  auto all = values_of(trainable);
  for (auto& state : optimizer.states()) all.push_back(std::move(state));
  return all;
}

Error damaged(const fs::path& path, const std::string& why) {
  return {ErrorCode::corrupt, path.string() + ": " + why, path.filename().string()};
}

std::optional<Error> compare(const fs::path& path, const std::string& stored, const Inputs& inputs) {
  const auto made_from = nlohmann::json::parse(stored, nullptr, false);
  if (!made_from.is_object()) return damaged(path, "its inputs cannot be read");
  for (const auto& [name, value] : inputs)
    if (made_from.value(name, nlohmann::json()) != nlohmann::json(value))
      return Error{ErrorCode::conflict,
                   path.string() + " was made with another " + name + "; use another checkpoint directory to start anew", name};
  return {};
}

Result<void> read_tensors(const fs::path& path, const checkpoint::SafetensorsFile& file, const std::vector<Optimizer::State>& tensors) {
  // All shapes first: a file that does not fit must not change anything.
  for (const auto& [name, shape, values] : tensors) {
    const auto* stored = file.find(name);
    if (!stored || stored->shape != shape || stored->dtype != checkpoint::Dtype::f32)
      return damaged(path, "it has no tensor " + name + " of the right shape");
  }
  for (const auto& [name, shape, values] : tensors)
    if (auto read = checkpoint::to_f32(*file.find(name), values); !read) return read;
  return {};
}

Result<void> write_tensors(const fs::path& path, const std::vector<Optimizer::State>& states,
                           const std::map<std::string, std::string>& metadata) {
  std::map<std::string, checkpoint::TensorToWrite> tensors;
  for (const auto& [name, shape, values] : states) tensors[name] = {shape, values};
  return checkpoint::write_safetensors(path, tensors, metadata);
}

std::string metadata_of(const checkpoint::SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? std::string() : found->second;
}

fs::path best_in(const fs::path& directory) { return directory / "best.safetensors"; }

Result<SavedState> load_one(const Stored& state, const model::Trainable& trainable, const Optimizer& optimizer, const Inputs& inputs) {
  const auto file = checkpoint::SafetensorsFile::open(state.path);
  if (!file) return file.error();
  if (metadata_of(*file, "format") != format) return damaged(state.path, "it is no training state of this version");
  if (metadata_of(*file, "step") != std::to_string(state.step)) return damaged(state.path, "its name and its step differ");
  if (auto error = compare(state.path, metadata_of(*file, "inputs"), inputs)) return *error;
  if (auto read = read_tensors(state.path, *file, all_of(trainable, optimizer)); !read) return read.error();
  auto metrics = read_text(metrics_of(state.path), metrics_bytes_max);
  if (!metrics) return damaged(state.path, "its metrics cannot be read: " + metrics.error().message);
  return SavedState{state.step, std::move(*metrics)};
}

void remove_old(const fs::path& directory) {
  std::error_code ignored;
  const auto states = states_in(directory);
  for (std::size_t i = states_kept; i < states.size(); ++i) {
    fs::remove(states[i].path, ignored);
    fs::remove(metrics_of(states[i].path), ignored);
  }
}

// What a killed process was writing. The directory belongs to one run, and one process runs it at a time.
void remove_unfinished(const fs::path& directory) {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if ((name.starts_with(".step-") || name.starts_with(".best.")) && name.find(".tmp-") != std::string::npos) left.push_back(entry.path());
  }
  for (const fs::path& path : left) fs::remove(path, ignored);
}

}  // namespace

Result<void> save_state(const fs::path& directory, const model::Trainable& trainable, const Optimizer& optimizer,
                        const Inputs& inputs, const SavedState& state) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return Error{ErrorCode::io, directory.string() + ": " + error.message(), {}};
  remove_unfinished(directory);
  const fs::path path = path_of(directory, state.step);
  if (auto written = write_file_durably(metrics_of(path), state.metrics); !written) return written;
  const auto written = write_tensors(path, all_of(trainable, optimizer),
                                     {{"format", format},
                                      {"step", std::to_string(state.step)},
                                      {"inputs", nlohmann::json(inputs).dump()}});
  if (!written) return written.error();
  remove_old(directory);
  return {};
}

Result<std::optional<SavedState>> load_state(const fs::path& directory, const model::Trainable& trainable,
                                             const Optimizer& optimizer, const Inputs& inputs) {
  std::optional<Error> first_error;
  for (const Stored& state : states_in(directory)) {
    auto loaded = load_one(state, trainable, optimizer, inputs);
    if (loaded) return std::optional(std::move(*loaded));
    if (loaded.error().code == ErrorCode::conflict) return loaded.error();
    if (!first_error) first_error = loaded.error();
  }
  if (first_error) return *first_error;
  return std::optional<SavedState>();
}

Result<void> save_best(const fs::path& directory, const model::Trainable& trainable, std::int64_t step) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return Error{ErrorCode::io, directory.string() + ": " + error.message(), {}};
  return write_tensors(best_in(directory), values_of(trainable), {{"format", format}, {"step", std::to_string(step)}});
}

Result<void> load_best(const fs::path& directory, const model::Trainable& trainable, std::int64_t step) {
  const fs::path path = best_in(directory);
  const auto file = checkpoint::SafetensorsFile::open(path);
  if (!file) return file.error();
  if (metadata_of(*file, "step") != std::to_string(step)) return damaged(path, "it is not the best one, of step " + std::to_string(step));
  return read_tensors(path, *file, values_of(trainable));
}

void remove_best(const fs::path& directory) {
  std::error_code ignored;
  fs::remove(best_in(directory), ignored);
}

}  // namespace luthier::train
