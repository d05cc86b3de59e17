#include "actors/worker/training_output.hpp"

#include <algorithm>
#include <fstream>

#include "events/base/file.hpp"
#include "events/json/value.hpp"

namespace luthier::worker {
namespace {

constexpr std::string_view metrics_name = "metrics.jsonl";
constexpr json::Bounds line_bounds{64 << 10, 8};

std::optional<std::int64_t> whole(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const auto* number = member ? std::get_if<std::int64_t>(&member->held) : nullptr;
  return number ? std::optional(*number) : std::nullopt;
}

std::optional<double> real(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  if (const auto* number = member ? std::get_if<double>(&member->held) : nullptr) return *number;
  const auto number = whole(object, name);
  return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

// A validation that preferences have before they are trained on: no step's line.
bool is_before_first_step(const json::Value& line) {
  return whole(line, "step").value_or(1) == 0 && !line.find("loss") && line.find("validation_loss");
}

}  // namespace

std::optional<TrainingLine> read_training_line(std::string_view line) {
  const auto value = json::parse(line, line_bounds);
  if (!value || !value->object()) return std::nullopt;
  return TrainingLine{whole(*value, "resumed_from_step"), whole(*value, "checkpoint"), real(*value, "validation_loss"),
                      real(*value, "seconds")};
}

Result<events::TrainingSummary> summarise(const std::filesystem::path& metrics) {
  std::ifstream file(metrics);
  if (!file) return Error{ErrorCode::not_found, metrics.string() + ": the training process left no metrics", ""};
  events::TrainingSummary summary;
  std::string line;
  for (std::int64_t number = 1; std::getline(file, line); ++number) {
    const auto value = json::parse(line, line_bounds);
    if (value && is_before_first_step(*value)) continue;
    const auto step = value ? whole(*value, "step") : std::nullopt;
    const auto loss = value ? real(*value, "loss") : std::nullopt;
    if (!step || !loss)
      return Error{ErrorCode::corrupt, metrics.string() + ": line " + std::to_string(number) + " has no step and loss", ""};
    if (summary.steps == 0) summary.first_loss = *loss;
    summary.final_loss = *loss;
    summary.steps = *step;
    summary.tokens += whole(*value, "tokens").value_or(0);
  }
  return summary;
}

Result<std::vector<events::File>> store_outputs(const std::filesystem::path& directory, std::size_t files_max, BlobDoor& blobs) {
  std::vector<std::filesystem::path> paths;
  std::error_code failure;
  for (auto entry = std::filesystem::recursive_directory_iterator(directory, failure);
       !failure && entry != std::filesystem::recursive_directory_iterator(); entry.increment(failure)) {
    if (!entry->is_regular_file() || entry->is_symlink() || entry->path().filename() == metrics_name) continue;
    paths.push_back(entry->path());
    if (paths.size() > files_max)
      return Error{ErrorCode::limit, directory.string() + ": more than " + std::to_string(files_max) + " files", ""};
  }
  if (failure) return file_error(directory, failure.value());
  if (paths.empty()) return Error{ErrorCode::not_found, directory.string() + ": the training process left no files", ""};
  std::ranges::sort(paths);
  std::vector<events::File> files;
  for (const auto& path : paths) {
    auto stored = blobs.store(path, path.lexically_relative(directory).generic_string());
    if (!stored) return with_context(stored.error(), "storing " + path.filename().string());
    files.push_back(std::move(*stored));
  }
  return files;
}

}  // namespace luthier::worker
