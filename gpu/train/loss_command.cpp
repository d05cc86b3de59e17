#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/evaluate.hpp"
#include "gpu/train/prepare.hpp"

namespace luthier::train {
namespace {

// One pack, or one row, at a time: with --packing the way that training packs.
DataOrder order_of(const text::Dataset& data, std::int64_t packing) {
  TrainingConfig config;
  config.epochs = 1;
  config.batch_size = 1;
  config.packing = packing > 0;
  config.max_seq_length = packing;
  return {lengths_of(data), config};
}

LossSum sum_over(const Loaded& loaded, const text::Dataset& data, DataOrder& order, model::Workspace& workspace,
                 bool gradients) {
  LossSum sum{0, data.supervised_tokens};
  for (std::int64_t s = 0; s < order.steps_total(); ++s)
    for (const MicroBatch& rows : order.step(s)) {
      std::vector<model::Sequence> sequences;
      for (const std::size_t row : rows) sequences.push_back({data.rows[row].ids, data.rows[row].labels});
      const model::Batch batch = model::make_batch(sequences);
      model::forward(loaded.network, batch, {}, workspace);
      if (!gradients) {
        sum.loss += model::loss(loaded.network, batch, workspace);
        continue;
      }
      sum.loss += model::loss_and_gradient(loaded.network, batch, 1.0f / static_cast<float>(sum.tokens), {}, workspace);
      model::backward(loaded.network, batch, {}, workspace);
    }
  return sum;
}

Result<void> write_gradients(const std::filesystem::path& path, const model::Trainable& trainable) {
  std::map<std::string, checkpoint::TensorToWrite> tensors;
  for (const model::Parameter& p : trainable.parameters())
    tensors[p.name] = {p.shape, {p.gradient, static_cast<std::size_t>(p.count)}};
  return checkpoint::write_safetensors(path, tensors);
}

Result<text::Dataset> read_data(const LossOptions& options, const checkpoint::Decoder& decoder) {
  auto tokenizer = text::Tokenizer::load(options.model);
  if (!tokenizer) return tokenizer.error();
  auto data = text::read_rows(options.data, *tokenizer, {.max_seq_length = options.packing, .vocab_size = decoder.vocab_size});
  if (data && data->rows.empty()) return invalid(options.data.string() + ": no row has a supervised token", "data");
  return data;
}

Result<LossSum> run(const LossOptions& options) {
  if (options.packing < 0 || options.packing == 1) return invalid("--packing must be a length of at least 2", "packing");
  const bool gradients = !options.gradients.empty();
  const auto decoder = checkpoint::read_decoder(options.model);
  if (!decoder) return decoder.error();
  const auto data = read_data(options, *decoder);
  if (!data) return data.error();
  auto loaded = load(options.model, options.adapter, gradients ? model::Keep::gradients : model::Keep::values);
  if (!loaded) return loaded.error();
  DataOrder order = order_of(*data, options.packing);
  auto workspace = model::make_workspace(*decoder, loaded->trainable ? loaded->trainable->lora_layout() : nullptr,
                                         {.tokens = order.tokens_max(), .backward = gradients});
  if (!workspace) return workspace.error();
  const LossSum sum = sum_over(*loaded, *data, order, *workspace, gradients);
  if (!gradients) return sum;
  if (auto written = write_gradients(options.gradients, *loaded->trainable); !written) return written.error();
  return sum;
}

}  // namespace

int loss(const LossOptions& options, std::ostream& out, std::ostream& err) {
  use_threads(options.threads);
  const auto sum = run(options);
  if (!sum) return refuse(err, sum.error());
  out << nlohmann::ordered_json{{"loss", sum->mean()}, {"tokens", sum->tokens}}.dump() << std::endl;
  return exit_done;
}

}  // namespace luthier::train
