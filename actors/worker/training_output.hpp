// What a training process says on its standard output, one JSON object a line, and what it leaves behind.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/worker/blob_door.hpp"
#include "events/job/events.hpp"

namespace luthier::worker {

// {"phase", "step", "max_steps", "loss", "lr", "grad_norm", "tokens", "tokens_per_second", "seconds_left", …}; and of its
// own meaning: "resumed_from_step" when it begins, "checkpoint" when one is on disk, "validation_loss" and "seconds".
struct TrainingLine {
  std::optional<std::int64_t> resumed_from_step, checkpoint;
  std::optional<double> validation_loss, seconds;
};
// nullopt: no JSON object, so no line of this kind.
std::optional<TrainingLine> read_training_line(std::string_view line);

// Steps, tokens and losses by metrics.jsonl; the rest from the lines.
Result<events::TrainingSummary> summarise(const std::filesystem::path& metrics);

// Stores every file of the directory but metrics.jsonl, by name.
Result<std::vector<events::File>> store_outputs(const std::filesystem::path& directory, std::size_t files_max, BlobDoor& blobs);

}  // namespace luthier::worker
