// metrics.jsonl: one line a step, before them one of step 0 where there was a validation before the first, and the totals over them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "events/base/result.hpp"
#include "gpu/train/loss_curve.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct Totals {
  std::int64_t steps = 0, tokens = 0, tokens_read = 0;
  double first_loss = 0, final_loss = 0;
  std::optional<double> validation_loss = {};  // the last one

  void add(const Progress& step);
};

class Metrics {
 public:
  // Starts the file in `directory` with the lines that a checkpoint had.
  static Result<Metrics> open(const std::filesystem::path& directory, std::string lines_before);

  Result<void> add(const Progress& step);
  // Of a validation before the first step, which counts as no step's.
  Result<void> add_start(double validation_loss);
  std::optional<double> start() const { return start_; }
  const std::string& lines() const { return lines_; }
  const Totals& totals() const { return totals_; }
  const std::vector<LossPoint>& points() const { return points_; }

 private:
  Result<void> write(const std::string& line);

  std::filesystem::path path_;
  std::ofstream file_;
  std::string lines_;
  Totals totals_;
  std::vector<LossPoint> points_;
  std::optional<double> start_;
};

}  // namespace luthier::train
