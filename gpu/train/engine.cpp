#include "gpu/train/engine.hpp"

#include "gpu/model/rounded_weights.hpp"
#include "gpu/train/contrastive.hpp"
#include "gpu/train/distillation.hpp"
#include "gpu/train/inputs.hpp"
#include "gpu/train/preference.hpp"
#include "gpu/train/process_memory.hpp"

namespace luthier::train {
namespace {

model::Products products_of(const TrainingConfig& config, const Engine& engine) {
  return {.bfloat16 = config.dtype == TrainingConfig::Dtype::bf16, .rounded = engine.rounded.tensors().empty() ? nullptr : &engine.rounded};
}

Result<void> choose_objective(const TrainRequest& request, Engine& engine) {
  const TrainingConfig& config = request.config;
  if (config.distillation) {
    auto distilled = make_distillation(*config.distillation, request.teacher, engine.prepared.pass, request.memory_limit_bytes);
    if (!distilled) return distilled.error();
    engine.objective = std::move(*distilled);
    return {};
  }
  if (config.contrastive) {
    engine.objective = std::make_unique<ContrastiveObjective>(*config.contrastive, config.batch_size, config.rows_at_once());
    return {};
  }
  if (!config.dpo) {
    engine.objective = make_supervised();
    return {};
  }
  const model::Products products = products_of(request.config, engine);
  auto reference = model::bind(engine.base.decoder, {.weights = &engine.base.weights, .bfloat16_products = products.bfloat16, .rounded = products.rounded});
  if (!reference) return reference.error();
  engine.reference = std::move(*reference);
  // Of full weights the reference is what they are before the first step.
  std::vector<Examples*> ask_first;
  if (config.method == TrainingConfig::Method::full) ask_first = {&engine.prepared.data, &engine.prepared.validation};
  engine.objective = std::make_unique<PreferenceObjective>(*config.dpo, engine.reference, std::move(ask_first));
  return {};
}

Result<void> read_files(const TrainRequest& request, Engine& engine) {
  if (request.config.early_stopping && validation_every(request) == 0)
    return invalid("early_stopping needs validation_every, the steps between two validations", "early_stopping");
  auto prepared = prepare(request);
  if (!prepared) return prepared.error();
  engine.prepared = std::move(*prepared);
  if (!request.checkpoint_directory.empty()) {
    auto inputs = inputs_of(request, engine.prepared.data, engine.prepared.validation);
    if (!inputs) return inputs.error();
    engine.inputs = std::move(*inputs);
  }
  engine.memory_at_rest = resident_memory_bytes();
  auto base = checkpoint::load_model(request.model, request.memory_limit_bytes, request.config.storage());
  if (!base) return base.error();
  engine.base = std::move(*base);
  return_free_memory();
  return {};
}

}  // namespace

void Engine::weights_changed() { model::round_into(base.weights, rounded); }

std::int64_t validation_every(const TrainRequest& request) {
  return request.validation_every > 0 ? request.validation_every : request.config.validation_every;
}

Result<std::unique_ptr<Engine>> make_engine(const TrainRequest& request) {
  auto engine = std::make_unique<Engine>();
  if (auto read = read_files(request, *engine); !read) return read.error();
  checkpoint::Model& base = engine->base;
  using model::Keep, model::Trainable;
  auto trainable = request.config.layerwise_updates ? Trainable::full_by_layers(base.decoder, base.weights)
                   : request.config.method == TrainingConfig::Method::full
                       ? Trainable::full(base.decoder, base.weights, Keep::gradients)
                       : Trainable::lora(base.decoder, engine->prepared.adapter, Keep::gradients);
  if (!trainable) return trainable.error();
  engine->trainable = std::move(*trainable);
  auto optimizer = Optimizer::make(engine->trainable.parameters(), request.config);
  if (!optimizer) return optimizer.error();
  engine->optimizer = std::move(*optimizer);
  if (request.config.dtype == TrainingConfig::Dtype::bf16 && request.config.method == TrainingConfig::Method::full) {
    auto rounded = model::allocate_rounded(base.decoder);
    if (!rounded) return rounded.error();
    engine->rounded = std::move(*rounded);
    engine->weights_changed();
  }
  auto network = engine->trainable.bind(base.decoder, base.weights, products_of(request.config, *engine));
  if (!network) return network.error();
  engine->network = std::move(*network);
  auto workspace = model::make_workspace(base.decoder, engine->trainable.lora_layout(), engine->prepared.pass);
  if (!workspace) return workspace.error();
  engine->workspace = std::move(*workspace);
  if (request.adapter.empty() && engine->prepared.adapter.config.use_dora)
    engine->trainable.start_magnitudes(engine->network, engine->workspace.scratch.weight);
  if (auto chosen = choose_objective(request, *engine); !chosen) return chosen.error();
  return engine;
}

}  // namespace luthier::train
