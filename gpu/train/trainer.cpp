#include "gpu/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/kernels/adamw.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/model/trainable.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/evaluate.hpp"
#include "gpu/train/inputs.hpp"
#include "gpu/train/merge.hpp"
#include "gpu/train/metrics.hpp"
#include "gpu/train/prepare.hpp"
#include "gpu/train/schedule.hpp"
#include "gpu/train/training_state.hpp"

namespace luthier::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Given {
  Prepared prepared;
  Inputs inputs;  // only when there are checkpoints
  checkpoint::Model base;
};

Result<Given> read_given(const TrainRequest& request) {
  auto prepared = prepare(request);
  if (!prepared) return prepared.error();
  Given given{.prepared = std::move(*prepared), .inputs = {}, .base = {}};
  if (!request.checkpoint_directory.empty()) {
    auto inputs = inputs_of(request);
    if (!inputs) return inputs.error();
    given.inputs = std::move(*inputs);
  }
  auto base = checkpoint::load_model(request.model, request.memory_limit_bytes);
  if (!base) return base.error();
  given.base = std::move(*base);
  return given;
}

class Run {
 public:
  Run(const TrainRequest& request, const TrainHooks& hooks, Given given, model::Trainable trainable, model::Network network,
      model::Workspace workspace)
      : request_(request), config_(request.config), hooks_(hooks), given_(std::move(given)), trainable_(std::move(trainable)),
        network_(std::move(network)), workspace_(std::move(workspace)), order_(lengths_of(given_.prepared.data), config_) {}

  Result<TrainResult> train();

 private:
  Result<void> resume();
  Result<void> one_step();
  std::vector<model::Batch> batches_of_step(std::int64_t step);
  void update(double gradient_norm, double rate);
  Result<void> validate_when_due();
  Result<bool> save_when_due();
  Result<void> save_checkpoint();
  Result<void> save_output();
  void tell(Phase phase);
  TrainResult result(bool stopped) const;

  const TrainRequest& request_;
  const TrainingConfig& config_;
  const TrainHooks& hooks_;
  Given given_;
  model::Trainable trainable_;
  model::Network network_;
  model::Workspace workspace_;
  DataOrder order_;
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
    auto found = load_state(request_.checkpoint_directory, trainable_, given_.inputs);
    if (!found) return found.error();
    if (*found) state = std::move(**found);
  }
  progress_.step = progress_.resumed_from_step = state.step;
  progress_.max_steps = order_.steps_total();
  auto metrics = Metrics::open(request_.out, std::move(state.metrics));
  if (!metrics) return metrics.error();
  metrics_ = std::move(*metrics);
  return {};
}

std::vector<model::Batch> Run::batches_of_step(std::int64_t step) {
  std::vector<model::Batch> batches;
  for (const MicroBatch& rows : order_.step(step)) {
    std::vector<model::Sequence> sequences;
    for (const std::size_t row : rows) sequences.push_back({given_.prepared.data.rows[row].ids, given_.prepared.data.rows[row].labels});
    batches.push_back(model::make_batch(sequences));
  }
  return batches;
}

// The loss of a step is one mean over all supervised tokens of all its micro-batches, never a mean of means.
Result<void> Run::one_step() {
  const std::int64_t step = progress_.step;
  const auto batches = batches_of_step(step);
  progress_.tokens = progress_.tokens_read = 0;
  for (const model::Batch& batch : batches) {
    progress_.tokens += batch.supervised();
    progress_.tokens_read += batch.tokens();
  }
  const double rate = config_.method == TrainingConfig::Method::lora ? config_.lora.dropout : 0;
  trainable_.zero_gradients();
  double loss = 0;
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const auto pass = static_cast<std::uint64_t>(step * config_.gradient_accumulation) + b;
    const model::PassDropout dropout{rate, config_.seed, pass};
    model::forward(network_, batches[b], dropout, workspace_);
    loss += model::loss_and_gradient(network_, batches[b], 1.0f / static_cast<float>(progress_.tokens), dropout, workspace_);
    model::backward(network_, batches[b], dropout, workspace_);
  }
  progress_.loss = loss / static_cast<double>(progress_.tokens);
  progress_.grad_norm = trainable_.gradient_norm();
  if (!std::isfinite(progress_.loss) || !std::isfinite(progress_.grad_norm))
    return invalid("step " + std::to_string(step + 1) + " has no finite loss and gradient: the training has diverged; a lower "
                   "learning_rate or more warmup_steps would help", "learning_rate");
  progress_.learning_rate = learning_rate(config_, step, progress_.max_steps);
  update(progress_.grad_norm, progress_.learning_rate);
  ++progress_.step;
  return {};
}

void Run::update(double gradient_norm, double rate) {
  const double clip = config_.max_grad_norm > 0 ? config_.max_grad_norm / (gradient_norm + 1e-6) : 1.0;
  kernels::AdamwStep step{.step = progress_.step + 1,
                          .learning_rate = rate,
                          .beta1 = config_.beta1,
                          .beta2 = config_.beta2,
                          .epsilon = config_.eps,
                          .gradient_scale = static_cast<float>(std::min(1.0, clip))};
  for (const model::Parameter& p : trainable_.parameters()) {
    step.weight_decay = p.decays ? config_.weight_decay : 0;
    kernels::adamw(p.count, step, p.value, p.gradient, p.moment1, p.moment2);
  }
}

Result<void> Run::validate_when_due() {
  progress_.validation_loss.reset();
  const bool last = progress_.step == progress_.max_steps;
  const std::int64_t every = request_.validation_every > 0 ? request_.validation_every : config_.validation_every;
  const bool due = last || (every > 0 && progress_.step % every == 0);
  if (given_.prepared.validation.rows.empty() || !due) return {};
  tell(Phase::validating);
  progress_.validation_loss = mean_loss(network_, given_.prepared.validation, workspace_).mean();
  return {};
}

Result<void> Run::save_checkpoint() {
  if (request_.checkpoint_directory.empty() || checkpoint_step_ == progress_.step) return {};
  auto saved = save_state(request_.checkpoint_directory, trainable_, given_.inputs, {progress_.step, metrics_.lines()});
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
  tell(Phase::saving);
  if (config_.merge) merge_adapter(given_.prepared.adapter, given_.base.weights);
  if (config_.method == TrainingConfig::Method::full || config_.merge) {
    if (auto saved = checkpoint::save_model(request_.out, given_.base.decoder, given_.base.weights); !saved) return saved;
    return given_.prepared.tokenizer.save(request_.out);
  }
  given_.prepared.adapter.config.base_model_name_or_path =
      request_.base_model_name.empty() ? request_.model.string() : request_.base_model_name;
  return checkpoint::save_adapter(request_.out, given_.prepared.adapter);
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
          .validation_loss = progress_.validation_loss,
          .seconds = seconds_since(start_)};
}

Result<TrainResult> Run::train() {
  if (auto resumed = resume(); !resumed) return resumed.error();
  tell(Phase::starting);
  first_step_ = Clock::now();
  while (progress_.step < progress_.max_steps) {
    const auto stop = save_when_due();
    if (!stop) return stop.error();
    if (*stop) return result(true);
    if (auto done = one_step(); !done) return done.error();
    tokens_here_ += progress_.tokens_read;
    const double elapsed = seconds_since(first_step_);
    const auto done_here = static_cast<double>(progress_.step - progress_.resumed_from_step);
    progress_.tokens_per_second = static_cast<double>(tokens_here_) / std::max(elapsed, 1e-9);
    progress_.seconds_left = elapsed / done_here * static_cast<double>(progress_.max_steps - progress_.step);
    if (auto validated = validate_when_due(); !validated) return validated.error();
    if (auto written = metrics_.add(progress_); !written) return written.error();
    tell(Phase::training);
  }
  if (auto saved = save_output(); !saved) return saved.error();
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
  auto given = read_given(request);
  if (!given) return given.error();
  using model::Keep, model::Trainable;
  auto trainable = request.config.method == TrainingConfig::Method::full
                       ? Trainable::full(given->base.decoder, given->base.weights, Keep::gradients_and_moments)
                       : Trainable::lora(given->base.decoder, given->prepared.adapter, Keep::gradients_and_moments);
  if (!trainable) return trainable.error();
  auto network = trainable->bind(given->base.decoder, given->base.weights);
  if (!network) return network.error();
  auto workspace = model::make_workspace(given->base.decoder, trainable->lora_layout(), given->prepared.pass);
  if (!workspace) return workspace.error();
  // The network points to the weights' memory, which moving `given` leaves where it is.
  Run run(request, hooks, std::move(*given), std::move(*trainable), std::move(*network), std::move(*workspace));
  return run.train();
}

}  // namespace luthier::train
