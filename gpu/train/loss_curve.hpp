// The loss curve of a run as a small SVG file, drawn here: no library, the same bytes for the same numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace luthier::train {

struct LossPoint {
  std::int64_t step = 0;
  double loss = 0;
  std::optional<double> validation_loss = {};
};

// A line through the training losses (the mean of neighbours where there are more than the picture has room for), the validation
// losses as dots joined by a line, and axes from 0. `start`: a validation before the first step.
std::string loss_curve_svg(const std::vector<LossPoint>& points, std::optional<double> start = {});

}  // namespace luthier::train
