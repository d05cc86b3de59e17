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
template <class Indices>
void shuffle(Indices& order, std::uint64_t seed, std::uint64_t stream) {
  for (std::size_t i = order.size(); i > 1; --i) {
    const auto words = kernels::random_block(seed, stream, i);
    const std::uint64_t draw = (std::uint64_t{words[0]} << 32) | words[1];
    std::swap(order[i - 1], order[static_cast<std::size_t>(draw % i)]);
  }
}

std::int64_t sum(const std::vector<std::int64_t>& values, std::int64_t begin, std::int64_t end) {
  return std::accumulate(values.begin() + begin, values.begin() + end, std::int64_t{0});
}

// Rows fill a pack in order until the next one does not fit; without packing each row is a unit. `see` gets each unit's first row and
// its tokens; false ends it.
template <class See>
void each_unit(const RowLengths& lengths, const TrainingConfig& config, See see) {
  std::int64_t tokens = 0;
  std::size_t begin = 0;
  for (std::size_t row = 0; row < lengths.count; ++row) {
    const std::int64_t here = lengths.of(row);
    if (row > begin && (!config.packing || tokens + here > config.max_seq_length)) {
      if (!see(begin, tokens)) return;
      begin = row;
      tokens = 0;
    }
    tokens += here;
  }
  if (lengths.count > 0) see(begin, tokens);
}

}  // namespace

std::int64_t tokens_max(const RowLengths& lengths, const TrainingConfig& config) {
  // Some epoch of a shuffled run may bring the longest together; else batches are known, bucketed ones once their window is.
  const std::int64_t batch = config.batch_size, together = config.bucketing ? batch * bucket_batches : batch, at_once = config.rows_at_once();
  std::int64_t most = 0;
  std::vector<std::int64_t> window;  // with shuffle the longest units so far, as many as go together, a heap with the shortest on top
  const auto close = [&] {
    if (config.bucketing) std::sort(window.rbegin(), window.rend());
    const auto count = static_cast<std::int64_t>(window.size());
    for (std::int64_t first = 0; first < count; first += batch)
      for (std::int64_t begin = first, end = std::min(first + batch, count); begin < end; begin += at_once)
        most = std::max(most, sum(window, begin, std::min(begin + at_once, end)));
    window.clear();
  };
  each_unit(lengths, config, [&](std::size_t, std::int64_t tokens) {
    window.push_back(tokens);
    const auto count = static_cast<std::int64_t>(window.size());
    if (!config.shuffle) {
      if (count == together) close();
      return true;
    }
    std::push_heap(window.begin(), window.end(), std::greater<>());
    if (count > at_once) {
      std::pop_heap(window.begin(), window.end(), std::greater<>());
      window.pop_back();
    }
    return true;
  });
  close();
  return most;
}

DataOrder::DataOrder(RowLengths lengths, const TrainingConfig& config, const std::filesystem::path& scratch)
    : lengths_(std::move(lengths)), config_(config), starts_(scratch), order_(scratch) {}

Result<DataOrder> DataOrder::make(RowLengths lengths, const TrainingConfig& config, const std::filesystem::path& scratch) {
  DataOrder order(std::move(lengths), config, scratch);
  if (auto prepared = order.prepare(); !prepared) return prepared.error();
  return order;
}

Result<void> DataOrder::prepare() {
  assert(lengths_.count > 0 && lengths_.count < std::numeric_limits<Index>::max());
  Result<void> kept;
  each_unit(lengths_, config_, [&](std::size_t begin, std::int64_t) {
    if (config_.packing) kept = starts_.append(static_cast<Index>(begin));
    if (kept && (config_.shuffle || config_.bucketing)) kept = order_.append(static_cast<Index>(units_));
    ++units_;
    return static_cast<bool>(kept);
  });
  if (kept && config_.packing) kept = starts_.append(static_cast<Index>(lengths_.count));
  if (kept) kept = starts_.freeze();
  if (kept) kept = order_.freeze();
  if (!kept) return kept;
  const std::int64_t per_step = config_.batch_size * config_.gradient_accumulation;
  steps_per_epoch_ = (static_cast<std::int64_t>(units_) + per_step - 1) / per_step;
  constexpr auto endless = std::numeric_limits<std::int64_t>::max();
  const std::int64_t by_epochs = config_.epochs ? *config_.epochs * steps_per_epoch_ : endless;
  steps_total_ = std::min(by_epochs, config_.max_steps.value_or(endless));
  return {};
}

// Windows of many batches are sorted by length, the longest first, and cut into batches; with shuffle these come in any order,
// but for one that is not full and stays the last.
void DataOrder::bucket(std::int64_t epoch) {
  const auto batch = static_cast<std::size_t>(config_.batch_size);
  const std::size_t window = batch * static_cast<std::size_t>(bucket_batches);
  std::uint64_t stream = bucket_streams + (static_cast<std::uint64_t>(epoch) << 28);
  for (std::size_t begin = 0; begin < units_; begin += window, ++stream) {
    Index *first = order_.begin() + begin, *last = order_.begin() + std::min(begin + window, units_);
    std::stable_sort(first, last, [&](Index a, Index b) { return tokens_of(a) > tokens_of(b); });
    if (!config_.shuffle) continue;
    const std::vector<Index> sorted(first, last);
    std::vector<std::size_t> batches(sorted.size() / batch);
    std::iota(batches.begin(), batches.end(), std::size_t{0});
    shuffle(batches, config_.seed, stream);
    for (std::size_t b = 0; b < batches.size(); ++b) std::copy_n(sorted.begin() + static_cast<std::ptrdiff_t>(batches[b] * batch), batch, first + b * batch);
  }
}

void DataOrder::order_epoch(std::int64_t epoch) {
  if (epoch == epoch_) return;
  epoch_ = epoch;
  std::iota(order_.begin(), order_.end(), Index{0});
  if (config_.shuffle) shuffle(order_, config_.seed, shuffle_streams + static_cast<std::uint64_t>(epoch));
  if (config_.bucketing) bucket(epoch);
}

Step DataOrder::step(std::int64_t number) {
  order_epoch(number / steps_per_epoch_);
  const std::int64_t per_step = config_.batch_size * config_.gradient_accumulation;
  const std::int64_t first = number % steps_per_epoch_ * per_step;
  const std::int64_t last = std::min(first + per_step, static_cast<std::int64_t>(units_));
  Step step;
  for (std::int64_t at = first; at < last; ++at) {
    if ((at - first) % config_.batch_size == 0) step.emplace_back();
    const std::size_t unit = order_.size() > 0 ? order_[static_cast<std::size_t>(at)] : static_cast<std::size_t>(at);
    for (std::size_t row = unit_begin(unit); row < unit_begin(unit + 1); ++row) step.back().push_back(row);
  }
  return step;
}

std::int64_t DataOrder::tokens_of(std::size_t unit) const {
  std::int64_t tokens = 0;
  for (std::size_t row = unit_begin(unit); row < unit_begin(unit + 1); ++row) tokens += lengths_.of(row);
  return tokens;
}

}  // namespace luthier::train
