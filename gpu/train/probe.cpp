#include "gpu/train/probe.hpp"

#include <algorithm>
#include <chrono>

#include "gpu/train/data_order.hpp"
#include "gpu/train/engine.hpp"

namespace luthier::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t first_tokens_max = 128;  // of the pass that says how fast this is
constexpr int passes_max = 4;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::int64_t tokens_of(const Examples& data, const MicroBatch& rows) {
  std::int64_t tokens = 0;
  for (const std::size_t row : rows) tokens += data.tokens(row);
  return tokens;
}

// As many of a micro-batch's first rows as have at most so many tokens, one at least.
MicroBatch beginning_of(const Examples& data, const MicroBatch& rows, double tokens_max) {
  MicroBatch beginning;
  double tokens = 0;
  for (const std::size_t row : rows) {
    tokens += static_cast<double>(data.tokens(row));
    if (!beginning.empty() && tokens > tokens_max) break;
    beginning.push_back(row);
  }
  return beginning;
}

Result<double> timed_pass(Engine& engine, const TrainingConfig& config, const MicroBatch& rows) {
  const auto read = read_rows_of(engine.prepared.data, rows);
  if (!read) return read.error();
  const double rate = config.method == TrainingConfig::Method::lora ? config.lora.dropout : 0;
  const auto start = Clock::now();
  engine.objective->loss_and_gradient(engine.student(), *read, 1, {rate, config.seed, 0});
  return seconds_since(start);
}

}  // namespace

Result<Probe> probe_run(const TrainRequest& request, double seconds_max) {
  const TrainingConfig& config = request.config;
  auto engine = make_engine(request);
  if (!engine) return engine.error();
  Engine& e = **engine;
  auto order = DataOrder::make(e.prepared.data.lengths(), config);
  if (!order) return order.error();
  const auto start = Clock::now();
  Probe probe;
  double pace = 0;  // seconds a token, of the last pass; the first one is not representative, but says what comes
  for (int pass = 0; pass < passes_max; ++pass) {
    const MicroBatch rows = order->step(pass % order->steps_total()).front();
    const double left = seconds_max - seconds_since(start);
    const double allowed = pass == 0 ? static_cast<double>(first_tokens_max) : left / 2 / std::max(pace, 1e-12);
    const MicroBatch some = beginning_of(e.prepared.data, rows, allowed);
    const std::int64_t tokens = tokens_of(e.prepared.data, some);
    if (pass > 1 && static_cast<double>(tokens) * pace > left) break;
    const auto seconds = timed_pass(e, config, some);
    if (!seconds) return seconds.error();
    pace = *seconds / static_cast<double>(std::max<std::int64_t>(1, tokens));
    if (pass == 0) continue;
    probe.tokens += tokens;
    probe.seconds += *seconds;
  }
  probe.seconds_per_token = probe.seconds / static_cast<double>(std::max<std::int64_t>(1, probe.tokens));
  const double norm = e.trainable.gradient_norm();
  e.optimizer.update(1, 0, norm);  // touches its memory for the first time
  const auto update = Clock::now();
  e.optimizer.update(2, 0, e.trainable.gradient_norm());
  e.weights_changed();
  probe.seconds_per_update = seconds_since(update);
  return probe;
}

}  // namespace luthier::train
