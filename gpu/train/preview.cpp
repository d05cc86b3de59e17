#include "gpu/train/preview.hpp"

#include <algorithm>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/text/rows.hpp"
#include "gpu/train/adapter_start.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/fit.hpp"

namespace luthier::train {
namespace {

std::vector<std::int64_t> lengths_of(const std::vector<RowShape>& shapes) {
  std::vector<std::int64_t> lengths;
  for (const auto& shape : shapes) lengths.push_back(shape.tokens);
  return lengths;
}

std::int64_t longest(const text::Dataset& data) {
  std::int64_t tokens = 0;
  for (const auto& row : data.rows) tokens = std::max(tokens, static_cast<std::int64_t>(row.ids.size()));
  return tokens;
}

std::vector<RowShape> shapes_of(const text::Dataset& data) {
  std::vector<RowShape> shapes;
  for (const auto& row : data.rows)
    shapes.push_back({static_cast<std::int64_t>(row.ids.size()),
                      std::count_if(row.labels.begin() + 1, row.labels.end(), [](auto label) { return label >= 0; })});
  return shapes;
}

}  // namespace

Result<Preview> preview(const TrainRequest& request) {
  const auto& config = request.config;
  const auto decoder = checkpoint::read_decoder(request.model);
  if (!decoder) return decoder.error();
  const auto tokenizer = text::Tokenizer::load(request.model);
  if (!tokenizer) return tokenizer.error();
  const text::RowOptions options{.max_seq_length = config.max_seq_length, .append_end_token = config.append_end_token,
                                 .vocab_size = decoder->vocab_size};
  const auto data = text::read_rows(request.data, *tokenizer, options);
  if (!data) return data.error();
  if (data->rows.empty()) return invalid(request.data.string() + ": no row has a token to learn from", "data");
  std::int64_t validation_longest = 0;
  if (!request.validation.empty()) {
    const auto validation = text::read_rows(request.validation, *tokenizer, options);
    if (!validation) return validation.error();
    validation_longest = longest(*validation);
  }
  checkpoint::Adapter adapter;
  if (config.method == TrainingConfig::Method::lora) {
    auto made = starting_adapter(config, request.adapter, *decoder);
    if (!made) return made.error();
    adapter = std::move(*made);
  }
  const auto shapes = shapes_of(*data);
  const auto limit = request.memory_limit_bytes ? request.memory_limit_bytes : checkpoint::free_memory_bytes();
  const auto plan = plan_run({*decoder, adapter.modules, config, shapes, validation_longest, limit});
  if (!plan) return plan.error();
  return Preview{data->rows_read, data->rows_left_out, data->tokens, data->supervised_tokens,
                 DataOrder(lengths_of(shapes), config).steps_total(), static_cast<std::int64_t>(plan->total())};
}

}  // namespace luthier::train
