// What the lines of a training process make of its progress. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "actors/api/job_telemetry.hpp"

namespace luthier::node {

class TrainingProgress {
 public:
  static constexpr std::size_t points_max = 1'000;  // of a curve

  // How often the training reads its rows, and how many steps it has; 0: not known yet.
  explicit TrainingProgress(std::int64_t epochs = 0, std::int64_t steps = 0) {
    progress_.num_epochs = epochs;
    progress_.max_steps = steps;
  }

  // {"attempt", "phase", "step", "max_steps", "loss", …}; what is no such line changes nothing. False: so it was.
  bool take(std::string_view line);
  const api::JobProgress& progress() const { return progress_; }

  // For a restart of the server.
  std::string to_json() const;
  static std::optional<TrainingProgress> from_json(std::string_view text);

 private:
  struct Curve {
    std::int64_t spacing = 1;  // in steps, of the points that are kept
  };
  std::int64_t epoch_of(std::int64_t step) const;
  void add(std::vector<api::Point>& points, Curve& curve, double value);

  api::JobProgress progress_;
  std::int64_t attempt_ = 0;
  Curve train_, validation_;
};

}  // namespace luthier::node
