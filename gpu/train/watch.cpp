#include "gpu/train/watch.hpp"

#include <algorithm>

namespace luthier::train {

void SpikeWatch::add(double loss) {
  if (factor_ == 0) return;
  if (last_.size() < window) {
    last_.push_back(loss);
    return;
  }
  last_[next_] = loss;
  next_ = (next_ + 1) % window;
}

std::optional<double> SpikeWatch::spike(double loss) const {
  if (factor_ == 0 || last_.size() < losses_least) return {};
  std::vector<double> sorted = last_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return loss > factor_ * *middle ? std::optional(*middle) : std::nullopt;
}

bool Validations::add(std::int64_t step, double loss) {
  const bool first = best_step_ == 0, lowest = first || loss < best_loss_;
  const bool enough = first || loss < best_loss_ - (stopping_ ? stopping_->min_delta : 0);
  in_vain_ = enough ? 0 : in_vain_ + 1;
  if (lowest) {
    best_step_ = step;
    best_loss_ = loss;
  }
  return lowest;
}

}  // namespace luthier::train
