#include "gpu/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/trainable.hpp"
#include "gpu/train/card.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/distillation.hpp"
#include "gpu/train/inputs.hpp"
#include "gpu/train/merge.hpp"
#include "gpu/train/metrics.hpp"
#include "gpu/train/objective.hpp"
#include "gpu/train/optimizer.hpp"
#include "gpu/train/preference.hpp"
#include "gpu/train/prepare.hpp"
#include "gpu/train/process_memory.hpp"
#include "gpu/train/schedule.hpp"
#include "gpu/train/training_state.hpp"
#include "gpu/train/watch.hpp"

namespace luthier::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::int64_t validation_every(const TrainRequest& request) {
  return request.validation_every > 0 ? request.validation_every : request.config.validation_every;
}

struct Given {
  Planned prepared;
  Inputs inputs;  // only when there are checkpoints
  checkpoint::Model base;
  std::size_t memory_at_rest = 0;
};

Result<Given> read_given(const TrainRequest& request) {
  if (request.config.early_stopping && validation_every(request) == 0)
    return invalid("early_stopping needs validation_every, the steps between two validations", "early_stopping");
  auto prepared = prepare(request);
  if (!prepared) return prepared.error();
  Given given{.prepared = std::move(*prepared), .inputs = {}, .base = {}};
  if (!request.checkpoint_directory.empty()) {
    auto inputs = inputs_of(request, given.prepared.data, given.prepared.validation);
    if (!inputs) return inputs.error();
    given.inputs = std::move(*inputs);
  }
  given.memory_at_rest = resident_memory_bytes();
  auto base = checkpoint::load_model(request.model, request.memory_limit_bytes);
  if (!base) return base.error();
  given.base = std::move(*base);
  return given;
}

// The network and what trains it; made once, and at one place in memory, because the parts point to each other.
struct Engine {
  Given given;
  model::Trainable trainable;
  Optimizer optimizer;
  model::Network network, reference;  // reference: the base without an adapter, for preferences
  model::Workspace workspace;
  std::unique_ptr<Objective> objective;
};

Result<void> choose_objective(const TrainRequest& request, Engine& engine) {
  const TrainingConfig& config = request.config;
  Planned& prepared = engine.given.prepared;
  if (config.distillation) {
    auto distilled = make_distillation(*config.distillation, request.teacher, prepared.pass, request.memory_limit_bytes);
    if (!distilled) return distilled.error();
    engine.objective = std::move(*distilled);
    return {};
  }
  if (!config.dpo) {
    engine.objective = make_supervised();
    return {};
  }
  auto reference = model::bind(engine.given.base.decoder, {.weights = &engine.given.base.weights});
  if (!reference) return reference.error();
  engine.reference = std::move(*reference);
  auto preference = std::make_unique<PreferenceObjective>(*config.dpo, engine.reference);
  if (config.method == TrainingConfig::Method::full)  // while the weights are the reference
    for (Examples* rows : {&prepared.data, &prepared.validation})
      if (auto asked = preference->ask_all(*rows, engine.workspace); !asked) return asked;
  engine.objective = std::move(preference);
  return {};
}

Result<std::unique_ptr<Engine>> make_engine(const TrainRequest& request) {
  auto given = read_given(request);
  if (!given) return given.error();
  auto engine = std::make_unique<Engine>();
  engine->given = std::move(*given);
  checkpoint::Model& base = engine->given.base;
  using model::Keep, model::Trainable;
  auto trainable = request.config.method == TrainingConfig::Method::full
                       ? Trainable::full(base.decoder, base.weights, Keep::gradients)
                       : Trainable::lora(base.decoder, engine->given.prepared.adapter, Keep::gradients);
  if (!trainable) return trainable.error();
  engine->trainable = std::move(*trainable);
  auto optimizer = Optimizer::make(engine->trainable.parameters(), request.config);
  if (!optimizer) return optimizer.error();
  engine->optimizer = std::move(*optimizer);
  auto network = engine->trainable.bind(base.decoder, base.weights);
  if (!network) return network.error();
  engine->network = std::move(*network);
  auto workspace = model::make_workspace(base.decoder, engine->trainable.lora_layout(), engine->given.prepared.pass);
  if (!workspace) return workspace.error();
  engine->workspace = std::move(*workspace);
  if (auto chosen = choose_objective(request, *engine); !chosen) return chosen.error();
  return engine;
}

class Run {
 public:
  Run(const TrainRequest& request, const TrainHooks& hooks, Engine& engine, DataOrder order)
      : request_(request), config_(request.config), hooks_(hooks), engine_(engine), order_(std::move(order)),
        spikes_(config_.spike_factor), validations_(config_.early_stopping) {}

  Result<TrainResult> train();

 private:
  Examples& data() const { return engine_.given.prepared.data; }
  Student student() const { return {engine_.network, engine_.workspace}; }
  fs::path best_directory() const { return request_.checkpoint_directory.empty() ? request_.out : request_.checkpoint_directory; }
  bool keeps_best_file() const { return config_.keep_best || (config_.early_stopping && !request_.checkpoint_directory.empty()); }

  Result<void> resume();
  Result<void> one_step();
  Result<void> check(const std::vector<MicroBatch>& batches, const std::vector<double>& losses) const;
  void measure_speed();
  Result<void> validate_when_due();
  Result<bool> save_when_due();
  Result<void> save_checkpoint();
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
    auto found = load_state(request_.checkpoint_directory, engine_.trainable, engine_.optimizer, engine_.given.inputs);
    if (!found) return found.error();
    if (*found) state = std::move(**found);
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
  engine_.trainable.zero_gradients();
  std::vector<double> losses;
  for (const MicroBatch& rows : batches) {
    const auto pass = static_cast<std::uint64_t>(step * config_.gradient_accumulation) + losses.size();
    const auto read = read_rows_of(data(), rows);
    if (!read) return read.error();
    losses.push_back(engine_.objective->loss_and_gradient(student(), *read, 1.0f / static_cast<float>(weight), {rate, config_.seed, pass}));
  }
  progress_.loss = 0;
  for (const double loss : losses) progress_.loss += loss;
  progress_.loss /= static_cast<double>(weight);
  progress_.grad_norm = engine_.trainable.gradient_norm();
  if (auto good = check(batches, losses); !good) return good;
  spikes_.add(progress_.loss);
  progress_.learning_rate = learning_rate(config_, step, progress_.max_steps);
  engine_.optimizer.update(step + 1, progress_.learning_rate, progress_.grad_norm);
  ++progress_.step;
  return {};
}

// Before the step changes a weight: what is saved stays good.
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
  return invalid(step + " has " + numbers + " (spike_factor " + std::to_string(config_.spike_factor) + "), over the " + rows_of_file(data(), all) +
                     ": look at these rows, or use a lower learning_rate", "spike_factor");
}

void Run::measure_speed() {
  tokens_here_ += progress_.tokens_read;
  const double elapsed = seconds_since(first_step_);
  const auto done_here = static_cast<double>(progress_.step - progress_.resumed_from_step);
  progress_.tokens_per_second = static_cast<double>(tokens_here_) / std::max(elapsed, 1e-9);
  progress_.seconds_left = elapsed / done_here * static_cast<double>(progress_.max_steps - progress_.step);
}

Result<void> Run::validate_when_due() {
  progress_.validation_loss.reset();
  progress_.is_best = false;
  Examples& rows = engine_.given.prepared.validation;
  const bool last = progress_.step == progress_.max_steps;
  const std::int64_t every = validation_every(request_);
  const bool due = last || (every > 0 && progress_.step % every == 0);
  if (rows.empty() || !due) return {};
  tell(Phase::validating);
  const auto sum = loss_over(*engine_.objective, student(), rows);
  if (!sum) return sum.error();
  progress_.validation_loss = sum->mean();
  progress_.is_best = validations_.add(progress_.step, sum->mean());
  if (!progress_.is_best || !keeps_best_file()) return {};
  return save_best(best_directory(), engine_.trainable, progress_.step);
}

Result<void> Run::save_checkpoint() {
  if (request_.checkpoint_directory.empty() || checkpoint_step_ == progress_.step) return {};
  auto saved = save_state(request_.checkpoint_directory, engine_.trainable, engine_.optimizer, engine_.given.inputs,
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

Result<void> Run::save_output() {
  Given& given = engine_.given;
  if (config_.merge) merge_adapter(given.prepared.adapter, given.base.weights);
  if (config_.method == TrainingConfig::Method::full || config_.merge) {
    if (auto saved = checkpoint::save_model(request_.out, given.base.decoder, given.base.weights); !saved) return saved;
    return given.prepared.tokenizer.save(request_.out);
  }
  given.prepared.adapter.config.base_model_name_or_path =
      request_.base_model_name.empty() ? request_.model.string() : request_.base_model_name;
  return checkpoint::save_adapter(request_.out, given.prepared.adapter);
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
  std::int64_t trained = 0;
  for (const model::Parameter& p : engine_.trainable.parameters()) trained += p.count;
  return write_card({request_, engine_.given.prepared, metrics_, result(false), trained, engine_.given.memory_at_rest});
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
          .tokens_per_second = progress_.tokens_per_second};
}

Result<TrainResult> Run::train() {
  if (auto resumed = resume(); !resumed) return resumed.error();
  tell(Phase::starting);
  first_step_ = Clock::now();
  while (progress_.step < progress_.max_steps && !validations_.exhausted()) {
    const auto stop = save_when_due();
    if (!stop) return stop.error();
    if (*stop) return result(true);
    if (auto done = one_step(); !done) return done.error();
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
  const Planned& prepared = (*engine)->given.prepared;
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
