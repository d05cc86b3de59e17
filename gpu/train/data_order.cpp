#include "gpu/train/data_order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "gpu/kernels/random.hpp"

namespace luthier::train {
namespace {

constexpr std::uint64_t shuffle_streams = std::uint64_t{1} << 62;  // far from those of dropout, which start at 0

// Fisher and Yates, with a draw by counter for each position.
void shuffle(std::vector<std::size_t>& order, std::uint64_t seed, std::int64_t epoch) {
  for (std::size_t i = order.size(); i > 1; --i) {
    const auto words = kernels::random_block(seed, shuffle_streams + static_cast<std::uint64_t>(epoch), i);
    const std::uint64_t draw = (std::uint64_t{words[0]} << 32) | words[1];
    std::swap(order[i - 1], order[static_cast<std::size_t>(draw % i)]);
  }
}

}  // namespace

DataOrder::DataOrder(std::vector<std::int64_t> lengths, const TrainingConfig& config)
    : lengths_(std::move(lengths)), config_(config) {
  pack();
  const std::int64_t per_step = config_.batch_size * config_.gradient_accumulation;
  steps_per_epoch_ = (static_cast<std::int64_t>(units_.size()) + per_step - 1) / per_step;
  constexpr auto endless = std::numeric_limits<std::int64_t>::max();
  const std::int64_t by_epochs = config_.epochs ? *config_.epochs * steps_per_epoch_ : endless;
  steps_total_ = std::min(by_epochs, config_.max_steps.value_or(endless));
}

// Rows fill a pack in order until the next one does not fit.
void DataOrder::pack() {
  std::int64_t room = 0;
  for (std::size_t row = 0; row < lengths_.size(); ++row) {
    if (!config_.packing || units_.empty() || lengths_[row] > room) {
      units_.emplace_back();
      room = config_.max_seq_length;
    }
    units_.back().push_back(row);
    room -= lengths_[row];
  }
}

void DataOrder::order_epoch(std::int64_t epoch) {
  if (epoch == epoch_) return;
  epoch_ = epoch;
  order_.resize(units_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  if (config_.shuffle) shuffle(order_, config_.seed, epoch);
}

Step DataOrder::step(std::int64_t number) {
  order_epoch(number / steps_per_epoch_);
  const std::int64_t per_step = config_.batch_size * config_.gradient_accumulation;
  const std::int64_t first = number % steps_per_epoch_ * per_step;
  const std::int64_t last = std::min(first + per_step, static_cast<std::int64_t>(units_.size()));
  Step step;
  for (std::int64_t at = first; at < last; ++at) {
    if ((at - first) % config_.batch_size == 0) step.emplace_back();
    const Unit& unit = units_[order_[static_cast<std::size_t>(at)]];
    step.back().insert(step.back().end(), unit.begin(), unit.end());
  }
  return step;
}

std::int64_t DataOrder::tokens_of(const Unit& unit) const {
  std::int64_t tokens = 0;
  for (const std::size_t row : unit) tokens += lengths_[row];
  return tokens;
}

std::int64_t DataOrder::tokens_max() const {
  std::vector<std::int64_t> tokens;
  for (const Unit& unit : units_) tokens.push_back(tokens_of(unit));
  if (config_.shuffle) std::sort(tokens.rbegin(), tokens.rend());  // some epoch may bring the longest together
  const auto count = static_cast<std::int64_t>(tokens.size());
  const std::int64_t per_step = config_.batch_size * config_.gradient_accumulation;
  std::int64_t most = 0;
  for (std::int64_t first = 0; first < count && (first == 0 || !config_.shuffle); first += per_step)
    for (std::int64_t micro = first; micro < std::min(first + per_step, count); micro += config_.batch_size)
      most = std::max(most, std::accumulate(tokens.begin() + micro,
                                            tokens.begin() + std::min(micro + config_.batch_size, count), std::int64_t{0}));
  return most;
}

}  // namespace luthier::train
