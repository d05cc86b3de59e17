#include "gpu/train/data_order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "gpu/kernels/random.hpp"

namespace luthier::train {
namespace {

// Streams of random numbers, far from those of dropout, which start at 0.
constexpr std::uint64_t shuffle_streams = std::uint64_t{1} << 62;
constexpr std::uint64_t bucket_streams = shuffle_streams + (std::uint64_t{1} << 60);
constexpr std::int64_t bucket_batches = 50;  // so many batches' rows are sorted together; more would leave less to chance

// Fisher and Yates, with a draw by counter for each position.
void shuffle(std::vector<std::size_t>& order, std::uint64_t seed, std::uint64_t stream) {
  for (std::size_t i = order.size(); i > 1; --i) {
    const auto words = kernels::random_block(seed, stream, i);
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

// Windows of many batches are sorted by length, the longest first, and cut into batches; with shuffle these come in any order,
// but for one that is not full and stays the last.
void DataOrder::bucket(std::vector<std::size_t>& order, std::int64_t epoch) const {
  const auto batch = static_cast<std::size_t>(config_.batch_size);
  const std::size_t window = batch * static_cast<std::size_t>(bucket_batches);
  std::uint64_t stream = bucket_streams + (static_cast<std::uint64_t>(epoch) << 28);
  for (std::size_t begin = 0; begin < order.size(); begin += window, ++stream) {
    const std::size_t end = std::min(begin + window, order.size());
    std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](std::size_t a, std::size_t b) { return tokens_of(units_[a]) > tokens_of(units_[b]); });
    if (!config_.shuffle) continue;
    std::vector<std::size_t> batches((end - begin) / batch), sorted(order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end));
    std::iota(batches.begin(), batches.end(), std::size_t{0});
    shuffle(batches, config_.seed, stream);
    for (std::size_t b = 0; b < batches.size(); ++b)
      std::copy_n(sorted.begin() + static_cast<std::ptrdiff_t>(batches[b] * batch), batch, order.begin() + static_cast<std::ptrdiff_t>(begin + b * batch));
  }
}

std::vector<std::size_t> DataOrder::order_of(std::int64_t epoch) const {
  std::vector<std::size_t> order(units_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (config_.shuffle) shuffle(order, config_.seed, shuffle_streams + static_cast<std::uint64_t>(epoch));
  if (config_.bucketing) bucket(order, epoch);
  return order;
}

Step DataOrder::step(std::int64_t number) {
  if (const std::int64_t epoch = number / steps_per_epoch_; epoch != epoch_) order_ = order_of(epoch_ = epoch);
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
  if (config_.shuffle)
    for (const Unit& unit : units_) tokens.push_back(tokens_of(unit));
  else
    for (const std::size_t unit : order_of(0)) tokens.push_back(tokens_of(units_[unit]));
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
