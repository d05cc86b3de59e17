#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/objective.hpp"

namespace luthier::train {
namespace {

// One pack, or one row, at a time: with --packing the way that training packs.
Result<DataOrder> order_of(const Examples& data, std::int64_t packing) {
  TrainingConfig config;
  config.epochs = 1;
  config.batch_size = 1;
  config.packing = packing > 0;
  config.max_seq_length = packing;
  return DataOrder::make(data.lengths(), config);
}

Result<LossSum> sum_over(const Loaded& loaded, Examples& data, DataOrder& order, model::Workspace& workspace, bool gradients) {
  LossSum sum{0, data.summary().supervised_tokens};
  const auto objective = make_supervised();
  const Student student{loaded.network, workspace};
  for (std::int64_t s = 0; s < order.steps_total(); ++s)
    for (const MicroBatch& rows : order.step(s)) {
      const auto read = read_rows_of(data, rows);
      if (!read) return read.error();
      sum.loss += gradients ? objective->loss_and_gradient(student, *read, 1.0f / static_cast<float>(sum.weight), {})
                            : objective->loss(student, *read);
    }
  return sum;
}

Result<void> write_gradients(const std::filesystem::path& path, const Loaded& loaded) {
  const model::Trainable& trainable = *loaded.trainable;
  if (trainable.lora_layout()) return checkpoint::write_adapter_tensors(path, trainable.gradients_of(loaded.adapter));
  std::map<std::string, checkpoint::TensorToWrite> tensors;
  for (const model::Parameter& p : trainable.parameters())
    tensors[p.name] = {p.shape, {p.gradient, static_cast<std::size_t>(p.count)}};
  return checkpoint::write_safetensors(path, tensors);
}

Result<Examples> read_data(const LossOptions& options, const checkpoint::Decoder& decoder) {
  auto tokenizer = text::Tokenizer::load(options.model);
  if (!tokenizer) return tokenizer.error();
  auto data = Examples::read({options.data}, *tokenizer, {.rows = {.max_seq_length = options.packing, .vocab_size = decoder.vocab_size}});
  if (data && !data->empty() && (data->kind() == text::RowKind::preference || data->kind() == text::RowKind::embedding))
    return invalid(options.data.string() + ": rows of kind \"" + text::to_string(data->kind()) + "\" have no loss of a next token", "data");
  if (data && data->empty()) return invalid(options.data.string() + ": no row has a supervised token", "data");
  return data;
}

Result<LossSum> run(const LossOptions& options) {
  if (options.packing < 0 || options.packing == 1) return invalid("--packing must be a length of at least 2", "packing");
  const bool gradients = !options.gradients.empty(), bfloat16 = options.dtype == "bf16";
  if (!bfloat16 && options.dtype != "f32") return invalid("--dtype " + options.dtype + " must be f32 or bf16", "dtype");
  auto storage = base_storage_of(options.base_storage);
  if (!storage) return storage.error();
  if (bfloat16 && !options.adapter.empty() && *storage == checkpoint::BaseStorage::f32) storage = checkpoint::BaseStorage::bf16;  // as training has it
  const bool stored = *storage != checkpoint::BaseStorage::f32;
  if (stored && gradients && options.adapter.empty())
    return invalid("--base-storage " + options.base_storage + " has no gradients of all weights; they need f32, or an --adapter whose gradients are wanted",
                   "base_storage");
  const auto decoder = checkpoint::read_decoder(options.model);
  if (!decoder) return decoder.error();
  if (auto can = check_has_head(*decoder, options.model); !can) return can.error();
  if (auto can = bfloat16 ? check_bfloat16_base(*storage, *decoder) : Result<void>(); !can) return can.error();
  auto data = read_data(options, *decoder);
  if (!data) return data.error();
  auto loaded = load(options.model, options.adapter, gradients ? model::Keep::gradients : model::Keep::values, *storage, bfloat16);
  if (!loaded) return loaded.error();
  auto order = order_of(*data, options.packing);
  if (!order) return order.error();
  auto workspace = model::make_workspace(*decoder, loaded->trainable ? loaded->trainable->lora_layout() : nullptr,
                                         {.tokens = order->tokens_max(), .backward = gradients, .stored_weights = stored, .bfloat16_products = bfloat16});
  if (!workspace) return workspace.error();
  const auto sum = sum_over(*loaded, *data, *order, *workspace, gradients);
  if (!sum || !gradients) return sum;
  if (auto written = write_gradients(options.gradients, *loaded); !written) return written.error();
  return sum;
}

}  // namespace

int loss(const LossOptions& options, std::ostream& out, std::ostream& err) {
  use_threads(options.threads);
  const auto sum = run(options);
  if (!sum) return refuse(err, sum.error());
  out << nlohmann::ordered_json{{"loss", sum->mean()}, {"tokens", sum->weight}}.dump() << std::endl;
  return exit_done;
}

}  // namespace luthier::train
