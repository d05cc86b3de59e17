#include "gpu/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/train/card.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/embedding_output.hpp"
#include "gpu/train/engine.hpp"
#include "gpu/train/layerwise.hpp"
#include "gpu/train/merge.hpp"
#include "gpu/train/metrics.hpp"
#include "gpu/train/profile_report.hpp"
#include "gpu/train/readable.hpp"
#include "gpu/train/schedule.hpp"
#include "gpu/train/training_state.hpp"
#include "gpu/train/watch.hpp"

namespace luthier::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Run {
 public:
  Run(const TrainRequest& request, const TrainHooks& hooks, Engine& engine, DataOrder order)
      : request_(request), config_(request.config), hooks_(hooks), engine_(engine), order_(std::move(order)),
        spikes_(config_.spike_factor), validations_(config_.early_stopping) {
    if (request.profile || !request.trace.empty()) profile_.emplace(!request.trace.empty());
  }

  Result<TrainResult> train();

 private:
  Examples& data() const { return engine_.prepared.data; }
  Student student() const { return engine_.student(); }
  fs::path best_directory() const { return request_.checkpoint_directory.empty() ? request_.out : request_.checkpoint_directory; }
  bool keeps_best_file() const { return config_.keep_best || (config_.early_stopping && !request_.checkpoint_directory.empty()); }

  Result<void> resume();
  Result<void> one_step();
  Result<void> check(const std::vector<MicroBatch>& batches, const std::vector<double>& losses) const;
  void zero_gradients();
  Result<RowsOf> read_rows(const MicroBatch& rows);
  double gradient_norm();
  void update(std::int64_t step);
  void measure_speed();
  Result<void> validate_when_due();
  Result<void> validate_at_start();
  Result<double> validation_loss();
  Result<bool> save_when_due();
  Result<void> save_checkpoint();
  Result<void> merge();
  Result<void> save_output();
  Result<void> finish();
  void tell(Phase phase);
  TrainResult result(bool stopped) const;

  const TrainRequest& request_;
  const TrainingConfig& config_;
  const TrainHooks& hooks_;
  Engine& engine_;
  DataOrder order_;
  SpikeWatch spikes_;
  Validations validations_;
  Metrics metrics_;
  Progress progress_;
  std::optional<kernels::Profile> profile_;
  std::int64_t checkpoint_step_ = -1;
  std::int64_t tokens_here_ = 0;  // since this process began to train
  Clock::time_point start_ = Clock::now(), first_step_ = start_;
};

void Run::tell(Phase phase) {
  progress_.phase = phase;
  if (hooks_.progress) hooks_.progress(progress_);
}

Result<void> Run::resume() {
  SavedState state;
  if (!request_.checkpoint_directory.empty()) {
    auto found = load_state(request_.checkpoint_directory, engine_.trainable, engine_.optimizer, engine_.inputs);
    if (!found) return found.error();
    if (*found) state = std::move(**found);
    engine_.weights_changed();
  }
  progress_.step = progress_.resumed_from_step = checkpoint_step_ = state.step;
  if (state.step == 0) checkpoint_step_ = -1;
  progress_.max_steps = order_.steps_total();
  auto metrics = Metrics::open(request_.out, std::move(state.metrics));
  if (!metrics) return metrics.error();
  metrics_ = std::move(*metrics);
  for (const LossPoint& point : metrics_.points()) {
    spikes_.add(point.loss);
    if (point.validation_loss) validations_.add(point.step, *point.validation_loss);
  }
  return {};
}

// The loss of a step is one mean over all supervised tokens of all its micro-batches, never a mean of means.
Result<void> Run::one_step() {
  const kernels::Timed timed("step");
  const std::int64_t step = progress_.step;
  const Step batches = order_.step(step);
  std::int64_t weight = 0;
  progress_.tokens = progress_.tokens_read = 0;
  for (const MicroBatch& rows : batches) {
    weight += engine_.objective->weight(data(), rows);
    progress_.tokens += supervised_tokens(data(), rows);
    for (const std::size_t row : rows) progress_.tokens_read += data().tokens(row);
  }
  const double rate = config_.method == TrainingConfig::Method::lora ? config_.lora.dropout : 0;
  progress_.learning_rate = learning_rate(config_, step, progress_.max_steps);
  zero_gradients();
  if (config_.layerwise_updates) begin_layerwise_step(engine_.trainable, engine_.optimizer, engine_.workspace, step + 1, progress_.learning_rate);
  std::vector<double> losses;
  for (const MicroBatch& rows : batches) {
    const auto pass = static_cast<std::uint64_t>(step * config_.gradient_accumulation) + losses.size();
    const auto read = read_rows(rows);
    if (!read) return read.error();
    losses.push_back(engine_.objective->loss_and_gradient(student(), *read, 1.0f / static_cast<float>(weight), {rate, config_.seed, pass}));
  }
  progress_.loss = 0;
  for (const double loss : losses) progress_.loss += loss;
  progress_.loss /= static_cast<double>(weight);
  if (config_.layerwise_updates) end_layerwise_step(engine_.trainable, engine_.optimizer, engine_.workspace, step + 1, progress_.learning_rate);
  progress_.grad_norm = gradient_norm();
  if (auto good = check(batches, losses); !good) return good;
  spikes_.add(progress_.loss);
  update(step + 1);
  ++progress_.step;
  return {};
}

// The phases of a step, as a profile shows them; the objective has the others.
void Run::zero_gradients() {
  const kernels::Timed timed("zero gradients");
  engine_.trainable.zero_gradients();
}

Result<RowsOf> Run::read_rows(const MicroBatch& rows) {
  const kernels::Timed timed("rows");
  return read_rows_of(data(), rows);
}

double Run::gradient_norm() {
  const kernels::Timed timed("gradient norm");
  return engine_.trainable.gradient_norm();
}

void Run::update(std::int64_t step) {
  const kernels::Timed timed("update");
  if (!config_.layerwise_updates) engine_.optimizer.update(step, progress_.learning_rate, progress_.grad_norm);
  engine_.weights_changed();
}

// Before the step changes a weight, but where each layer was updated on the way: what is saved stays good.
Result<void> Run::check(const Step& batches, const std::vector<double>& losses) const {
  const std::string step = "step " + std::to_string(progress_.step + 1);
  for (std::size_t b = 0; b < batches.size(); ++b)
    if (!std::isfinite(losses[b]))
      return invalid(step + " has no finite loss over the " + rows_of_file(data(), batches[b]) +
                         ": the training has diverged; a lower learning_rate or more warmup_steps would help", "learning_rate");
  MicroBatch all;
  for (const MicroBatch& rows : batches) all.insert(all.end(), rows.begin(), rows.end());
  if (!std::isfinite(progress_.grad_norm))
    return invalid(step + " has no finite gradient over the " + rows_of_file(data(), all) +
                       ": the training has diverged; a lower learning_rate or more warmup_steps would help", "learning_rate");
  const auto median = spikes_.spike(progress_.loss);
  if (!median) return {};
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "a loss of %.4g, %.1f times the median %.4g of the last ones", progress_.loss, progress_.loss / *median, *median);
  return invalid(step + " has " + numbers + " (spike_factor " + formatted("%g", config_.spike_factor) + "), over the " + rows_of_file(data(), all) +
                     ": look at these rows, or use a lower learning_rate", "spike_factor");
}

void Run::measure_speed() {
  tokens_here_ += progress_.tokens_read;
  const double elapsed = seconds_since(first_step_);
  const auto done_here = static_cast<double>(progress_.step - progress_.resumed_from_step);
  progress_.tokens_per_second = static_cast<double>(tokens_here_) / std::max(elapsed, 1e-9);
  progress_.seconds_left = elapsed / done_here * static_cast<double>(progress_.max_steps - progress_.step);
}

Result<double> Run::validation_loss() {
  tell(Phase::validating);
  const auto sum = loss_over(*engine_.objective, student(), engine_.prepared.validation);
  if (!sum) return sum.error();
  if (!std::isfinite(sum->mean()) && progress_.step == 0)
    return invalid("before the first step the validation loss is not finite: the model or the validation rows are at fault", "validation");
  if (!std::isfinite(sum->mean()))
    return invalid("after step " + std::to_string(progress_.step) + " the validation loss is not finite: the training has diverged; a lower learning_rate would help",
                   "learning_rate");
  return sum->mean();
}

// Preferences are compared with what they were before the first step. It counts neither as the best nor for early stopping.
Result<void> Run::validate_at_start() {
  if (!config_.dpo || engine_.prepared.validation.empty() || progress_.step > 0 || metrics_.start()) return {};
  const auto loss = validation_loss();
  if (!loss) return loss.error();
  progress_.validation_loss = *loss;
  tell(Phase::validating);
  return metrics_.add_start(*loss);
}

Result<void> Run::validate_when_due() {
  progress_.validation_loss.reset();
  progress_.measures.clear();
  progress_.is_best = false;
  Examples& rows = engine_.prepared.validation;
  const bool last = progress_.step == progress_.max_steps;
  const std::int64_t every = validation_every(request_);
  const bool due = last || (every > 0 && progress_.step % every == 0);
  if (rows.empty() || !due) return {};
  const auto loss = validation_loss();
  if (!loss) return loss.error();
  progress_.validation_loss = *loss;
  auto measures = engine_.objective->measure(student(), rows);
  if (!measures) return measures.error();
  progress_.measures = std::move(*measures);
  progress_.is_best = validations_.add(progress_.step, *loss);
  if (!progress_.is_best || !keeps_best_file()) return {};
  return save_best(best_directory(), engine_.trainable, progress_.step);
}

Result<void> Run::save_checkpoint() {
  if (request_.checkpoint_directory.empty() || checkpoint_step_ == progress_.step) return {};
  auto saved = save_state(request_.checkpoint_directory, engine_.trainable, engine_.optimizer, engine_.inputs,
                          {progress_.step, metrics_.lines()});
  if (!saved) return saved;
  checkpoint_step_ = progress_.step;
  if (hooks_.checkpoint_written) hooks_.checkpoint_written(progress_.step);
  return {};
}

// True: the run was asked to stop.
Result<bool> Run::save_when_due() {
  const Wish wish = hooks_.wish ? hooks_.wish() : Wish::go_on;
  const bool due = request_.checkpoint_every > 0 && progress_.step % request_.checkpoint_every == 0 &&
                   progress_.step > 0 && progress_.step < progress_.max_steps;
  if (wish != Wish::go_on || due)
    if (auto saved = save_checkpoint(); !saved) return saved.error();
  return wish == Wish::stop;
}

// The adapter goes into the checkpoint's own values. A base that was kept in fewer bits makes room for them.
Result<void> Run::merge() {
  if (config_.storage() != checkpoint::BaseStorage::f32) {
    engine_.network = engine_.reference = {};
    engine_.workspace = {};
    engine_.base.weights = {};
    auto original = checkpoint::load_model(request_.model, request_.memory_limit_bytes);
    if (!original) return with_context(original.error(), "merging the adapter");
    engine_.base = std::move(*original);
  }
  merge_adapter(engine_.prepared.adapter, engine_.base.weights);
  return {};
}

Result<void> Run::save_output() {
  if (config_.merge)
    if (auto merged = merge(); !merged) return merged;
  if (config_.method == TrainingConfig::Method::full || config_.merge) {
    if (auto saved = checkpoint::save_model(request_.out, engine_.base.decoder, engine_.base.weights); !saved) return saved;
    if (config_.contrastive)
      if (auto completed = complete_embedding_model(request_.out, engine_.prepared.decoder); !completed) return completed;
    return engine_.prepared.tokenizer.save(request_.out);
  }
  engine_.prepared.adapter.config.base_model_name_or_path =
      request_.base_model_name.empty() ? request_.model.string() : request_.base_model_name;
  if (auto saved = checkpoint::save_adapter(request_.out, engine_.prepared.adapter); !saved) return saved;
  return config_.contrastive ? complete_embedding_adapter(request_.out) : Result<void>{};
}

// The last state is kept where the best is, the best is put in its place where it was asked for, and the result is written.
Result<void> Run::finish() {
  tell(Phase::saving);
  if (keeps_best_file())
    if (auto saved = save_checkpoint(); !saved) return saved;
  if (config_.keep_best && validations_.best_step() != progress_.step)
    if (auto loaded = load_best(best_directory(), engine_.trainable, validations_.best_step()); !loaded) return loaded;
  if (auto saved = save_output(); !saved) return saved;
  if (keeps_best_file() && request_.checkpoint_directory.empty()) remove_best(best_directory());
  if (!request_.trace.empty())
    if (auto written = write_trace(request_.trace, *profile_); !written) return written;
  std::int64_t trained = 0;
  for (const model::Parameter& p : engine_.trainable.parameters()) trained += p.count;
  return write_card({request_, engine_.prepared, metrics_, result(false), trained, engine_.memory_at_rest});
}

TrainResult Run::result(bool stopped) const {
  const Totals& totals = metrics_.totals();
  return {.stopped = stopped,
          .steps = progress_.step,
          .resumed_from_step = progress_.resumed_from_step,
          .tokens = totals.tokens,
          .tokens_read = totals.tokens_read,
          .first_loss = totals.first_loss,
          .final_loss = totals.final_loss,
          .validation_loss = config_.keep_best && validations_.has_best() ? std::optional(validations_.best_loss()) : totals.validation_loss,
          .best_step = validations_.best_step(),
          .stopped_early = validations_.exhausted() && progress_.step < progress_.max_steps,
          .seconds = seconds_since(start_),
          .tokens_per_second = progress_.tokens_per_second,
          .profile = profile_ && request_.profile ? profile_table(*profile_, std::max<std::int64_t>(0, progress_.step - progress_.resumed_from_step - 1)) : ""};
}

Result<TrainResult> Run::train() {
  if (auto begun = engine_.objective->begin(engine_.workspace); !begun) return begun.error();
  if (auto resumed = resume(); !resumed) return resumed.error();
  tell(Phase::starting);
  if (auto validated = validate_at_start(); !validated) return validated.error();
  first_step_ = Clock::now();
  while (progress_.step < progress_.max_steps && !validations_.exhausted()) {
    const auto stop = save_when_due();
    if (!stop) return stop.error();
    if (*stop) return result(true);
    // The first step touches memory for the first time, and lets oneDNN make its code.
    if (profile_ && progress_.step > progress_.resumed_from_step) profile_->start();
    if (auto done = one_step(); !done) return done.error();
    if (profile_) profile_->pause();
    measure_speed();
    if (auto validated = validate_when_due(); !validated) return validated.error();
    if (auto written = metrics_.add(progress_); !written) return written.error();
    tell(Phase::training);
  }
  if (auto finished = finish(); !finished) return finished.error();
  return result(false);
}

}  // namespace

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::loading: return "loading";
    case Phase::starting: return "starting";
    case Phase::training: return "training";
    case Phase::validating: return "validating";
    case Phase::saving: return "saving";
  }
  return "";
}

Result<TrainResult> train(const TrainRequest& request, const TrainHooks& hooks) {
  std::error_code error;
  fs::create_directories(request.out, error);
  if (error) return Error{ErrorCode::io, request.out.string() + ": " + error.message(), {}};
  if (hooks.progress) hooks.progress({});
  auto engine = make_engine(request);
  if (!engine) return engine.error();
  const Planned& prepared = (*engine)->prepared;
  if (hooks.about_rows)
    for (const Examples* rows : {&prepared.data, &prepared.validation}) {
      if (rows->empty()) continue;
      const auto line = rows->brief(request.out);
      if (!line) return line.error();
      hooks.about_rows(*line);
    }
  auto order = DataOrder::make(prepared.data.lengths(), request.config, request.out);
  if (!order) return order.error();
  return Run(request, hooks, **engine, std::move(*order)).train();
}

}  // namespace luthier::train
