#include "gpu/train/prepare.hpp"

#include <algorithm>
#include <string>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/model/block_shape.hpp"
#include "gpu/text/dataset_files.hpp"
#include "gpu/train/adapter_start.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/contrastive.hpp"
#include "gpu/train/distillation.hpp"
#include "gpu/train/merge.hpp"

namespace luthier::train {
namespace {

Result<void> check_kind(const Examples& data, const TrainingConfig& config) {
  const text::RowKind kind = data.kind();
  const std::string rows = data.name() + " has rows of kind \"" + text::to_string(kind) + "\"";
  if (config.contrastive && kind != text::RowKind::embedding)
    return invalid(rows + "; contrastive needs embedding rows: {\"query\", \"pos_doc\", \"neg_doc\": [...]}", "contrastive");
  if (!config.contrastive && kind == text::RowKind::embedding)
    return invalid(rows + "; they need \"contrastive\": {} in the configuration, and an embedding model", "contrastive");
  if (config.dpo && kind != text::RowKind::preference)
    return invalid(rows + "; dpo needs preference rows: {\"prompt\", \"chosen\", \"rejected\"}", "dpo");
  if (!config.dpo && kind == text::RowKind::preference)
    return invalid(rows + "; they need \"dpo\": {\"beta\": 0.1} in the configuration", "dpo");
  return {};
}

// With the texts' prefixes, and no longer than the model's positions.
text::RowOptions row_options(const Prepared& prepared, const TrainingConfig& config) {
  text::RowOptions rows{.max_seq_length = config.max_seq_length,
                        .append_end_token = config.append_end_token,
                        .vocab_size = prepared.decoder.vocab_size,
                        .prompt_template = config.prompt_template};
  if (!config.contrastive) return rows;
  const Contrastive& contrastive = *config.contrastive;
  const std::int64_t longest = model::length_max(prepared.decoder);
  rows.max_seq_length = std::min(rows.max_seq_length, longest);
  rows.query_length_max = contrastive.max_query_length > 0 ? std::min(contrastive.max_query_length, longest) : rows.max_seq_length;
  rows.query_prefix = prepared.decoder.query_prefix;
  rows.passage_prefix = prepared.decoder.passage_prefix;
  rows.negatives_max = contrastive.negatives;
  rows.negatives_needed = !contrastive.in_batch_negatives || config.batch_size == 1;
  return rows;
}

Result<Examples> read_data(const std::vector<std::filesystem::path>& files, const Prepared& prepared, const TrainRequest& request) {
  const TrainingConfig& config = request.config;
  auto data = Examples::read(files, prepared.tokenizer,
                             {.rows = row_options(prepared, config),
                              .scratch = request.out,
                              .is_cancelled = request.is_cancelled,
                              .progress = request.reading});
  if (!data) return data;
  if (data->empty())
    return invalid(files.front().string() + ": no row has a token to learn from within max_seq_length " + std::to_string(config.max_seq_length),
                   "max_seq_length");
  if (auto fits = check_kind(*data, config); !fits) return fits.error();
  return data;
}

// What the configuration asks of the request.
Result<void> check_request(const TrainRequest& request) {
  const TrainingConfig& config = request.config;
  if (config.method != TrainingConfig::Method::lora && !request.adapter.empty())
    return invalid("an adapter to start from needs method \"lora\"; this configuration has \"full\"", "method");
  if (config.distillation && request.teacher.empty()) return invalid("distillation needs a teacher, another model's directory (--teacher DIR)", "distillation");
  if (!config.distillation && !request.teacher.empty())
    return invalid("a teacher needs \"distillation\": {\"temperature\": 2, \"mixing\": 0.5} in the configuration", "distillation");
  return {};
}

// The directory's own validation rows, unless others are named.
Result<text::DatasetFiles> files_of(const TrainRequest& request) {
  auto files = text::find_dataset(request.data);
  if (!files || request.validation.empty()) return files;
  auto validation = text::find_dataset(request.validation);
  if (!validation) return validation.error();
  files->validation = validation->training.empty() ? std::move(validation->validation) : std::move(validation->training);
  return files;
}

// Both sets of rows.
Result<void> read_rows(const TrainRequest& request, Prepared& prepared) {
  const auto files = files_of(request);
  if (!files) return files.error();
  const char* wants = request.config.early_stopping ? "early_stopping" : request.config.keep_best ? "keep_best" : nullptr;
  if (wants && files->validation.empty()) return invalid(std::string(wants) + " needs validation rows (--validation FILE)", wants);
  auto data = read_data(files->training, prepared, request);
  if (!data) return data.error();
  prepared.data = std::move(*data);
  if (files->validation.empty()) return {};
  auto validation = read_data(files->validation, prepared, request);
  if (!validation) return validation.error();
  prepared.validation = std::move(*validation);
  return {};
}

Result<checkpoint::Adapter> adapter_of(const TrainRequest& request, const checkpoint::Decoder& decoder) {
  auto adapter = starting_adapter(request.config, request.adapter, decoder);
  if (!adapter) return adapter;
  if (request.config.merge)
    if (auto can = check_mergeable(*adapter, decoder); !can) return can.error();
  return adapter;
}

// Texts of one row, each of which is cut.
std::int64_t parts_of(const Examples& data, const TrainingConfig& config) {
  if (config.contrastive) return 2 + config.contrastive->negatives;
  return data.kind() == text::RowKind::preference ? 2 : 1;
}

// The most tokens that a validation must put through the network together: contrastive ones compare all rows of a batch, and begin
// its parts anew with each.
std::int64_t validated_together(const Examples& validation, const TrainingConfig& config) {
  if (!config.contrastive) return validation.longest();
  std::int64_t most = 0, tokens = 0;
  for (std::size_t row = 0; row < validation.size(); ++row) {
    if (row % static_cast<std::size_t>(config.batch_size) % static_cast<std::size_t>(config.rows_at_once()) == 0) tokens = 0;
    tokens += validation.tokens(row);
    most = std::max(most, tokens);
  }
  return most;
}

}  // namespace

FitQuestion Prepared::question(const TrainingConfig& config) const {
  return {decoder, adapter.modules, config, data.lengths(), parts_of(data, config), data.summary().supervised_max,
          validated_together(validation, config), teacher ? &*teacher : nullptr, memory_limit_bytes};
}

Result<Prepared> prepare_unplanned(const TrainRequest& request) {
  if (auto good = check_request(request); !good) return good.error();
  Prepared prepared;
  auto decoder = checkpoint::read_decoder(request.model);
  if (!decoder) return decoder.error();
  const auto& contrastive = request.config.contrastive;
  if (auto can = contrastive ? check_pools(*decoder, request.model) : check_has_head(*decoder, request.model); !can) return can.error();
  if (contrastive && contrastive->query_prefix) decoder->query_prefix = *contrastive->query_prefix;
  if (contrastive && contrastive->passage_prefix) decoder->passage_prefix = *contrastive->passage_prefix;
  prepared.decoder = std::move(*decoder);
  if (auto can = request.config.dtype == TrainingConfig::Dtype::bf16 ? check_bfloat16_base(request.config.storage(), prepared.decoder) : Result<void>(); !can) return can.error();
  if (request.config.method == TrainingConfig::Method::lora) {
    auto adapter = adapter_of(request, prepared.decoder);
    if (!adapter) return adapter.error();
    prepared.adapter = std::move(*adapter);
  }
  auto tokenizer = text::Tokenizer::load(request.model);
  if (!tokenizer) return tokenizer.error();
  prepared.tokenizer = std::move(*tokenizer);
  if (request.config.distillation) {
    auto teacher = check_teacher(request.teacher, prepared.decoder, prepared.tokenizer);
    if (!teacher) return teacher.error();
    prepared.teacher = std::move(*teacher);
  }
  if (auto read = read_rows(request, prepared); !read) return read.error();
  prepared.memory_limit_bytes = request.memory_limit_bytes ? request.memory_limit_bytes : checkpoint::free_memory_bytes();
  return prepared;
}

Result<Planned> prepare(const TrainRequest& request) {
  auto prepared = prepare_unplanned(request);
  if (!prepared) return prepared.error();
  const auto question = prepared->question(request.config);
  auto memory = plan_run(question);
  if (!memory) return memory.error();
  const model::PassSize pass = pass_size(question);
  return Planned{std::move(*prepared), pass, *memory};
}

}  // namespace luthier::train
