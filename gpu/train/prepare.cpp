#include "gpu/train/prepare.hpp"

#include <algorithm>
#include <string>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/train/adapter_start.hpp"
#include "gpu/train/fit.hpp"
#include "gpu/train/merge.hpp"

namespace luthier::train {
namespace {

Result<text::Dataset> read_data(const std::filesystem::path& file, const Prepared& prepared, const TrainRequest& request) {
  const TrainingConfig& config = request.config;
  auto data = text::read_rows(file, prepared.tokenizer,
                              {.max_seq_length = config.max_seq_length,
                               .append_end_token = config.append_end_token,
                               .vocab_size = prepared.decoder.vocab_size,
                               .is_cancelled = request.is_cancelled});
  if (data && data->rows.empty())
    return invalid(file.string() + ": no row has a token to learn from within max_seq_length " +
                       std::to_string(config.max_seq_length),
                   "max_seq_length");
  return data;
}

std::vector<RowShape> shapes_of(const text::Dataset& data) {
  std::vector<RowShape> shapes;
  for (const text::Row& row : data.rows)
    shapes.push_back({static_cast<std::int64_t>(row.ids.size()),
                      std::count_if(row.labels.begin() + 1, row.labels.end(), [](auto label) { return label >= 0; })});
  return shapes;
}

std::int64_t longest_row(const text::Dataset& data) {
  std::int64_t longest = 0;
  for (const std::int64_t length : lengths_of(data)) longest = std::max(longest, length);
  return longest;
}

}  // namespace

std::vector<std::int64_t> lengths_of(const text::Dataset& data) {
  std::vector<std::int64_t> lengths;
  for (const text::Row& row : data.rows) lengths.push_back(static_cast<std::int64_t>(row.ids.size()));
  return lengths;
}

Result<Prepared> prepare(const TrainRequest& request) {
  const TrainingConfig& config = request.config;
  const bool lora = config.method == TrainingConfig::Method::lora;
  if (!lora && !request.adapter.empty())
    return invalid("an adapter to start from needs method \"lora\"; this configuration has \"full\"", "method");
  Prepared prepared;
  auto decoder = checkpoint::read_decoder(request.model);
  if (!decoder) return decoder.error();
  prepared.decoder = std::move(*decoder);
  if (lora) {
    auto adapter = starting_adapter(config, request.adapter, prepared.decoder);
    if (!adapter) return adapter.error();
    prepared.adapter = std::move(*adapter);
    if (config.merge)
      if (auto can = check_mergeable(prepared.adapter, prepared.decoder); !can) return can.error();
  }
  auto tokenizer = text::Tokenizer::load(request.model);
  if (!tokenizer) return tokenizer.error();
  prepared.tokenizer = std::move(*tokenizer);
  auto data = read_data(request.data, prepared, request);
  if (!data) return data.error();
  prepared.data = std::move(*data);
  if (!request.validation.empty()) {
    auto validation = read_data(request.validation, prepared, request);
    if (!validation) return validation.error();
    prepared.validation = std::move(*validation);
  }
  const auto rows = shapes_of(prepared.data);
  const std::size_t limit = request.memory_limit_bytes ? request.memory_limit_bytes : checkpoint::free_memory_bytes();
  const FitQuestion question{prepared.decoder, prepared.adapter.modules, config, rows, longest_row(prepared.validation), limit};
  auto plan = plan_run(question);
  if (!plan) return plan.error();
  prepared.plan = *plan;
  prepared.pass = pass_size(question);
  return prepared;
}

}  // namespace luthier::train
