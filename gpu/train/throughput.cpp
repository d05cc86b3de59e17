#include "gpu/train/throughput.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/random.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/model/rounded_weights.hpp"
#include "gpu/train/adapter_start.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/fit.hpp"
#include "gpu/train/layerwise.hpp"
#include "gpu/train/optimizer.hpp"
#include "gpu/train/process_memory.hpp"

namespace luthier::train {
namespace {

double wall() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double cpu() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Bench {
  checkpoint::Model base;
  checkpoint::Weights rounded;
  checkpoint::Adapter adapter;
  std::optional<model::Trainable> trainable;
  Optimizer optimizer;
  model::Network network;
  model::Workspace workspace;
  model::Batch batch;
  bool layerwise = false;
};

struct StepTimes {
  double forward, backward, update, cpu;
  double total() const { return forward + backward + update; }
};

model::Batch random_batch(const ThroughputOptions& options, std::int64_t vocab_size) {
  const auto count = static_cast<std::size_t>(options.batch * options.length);
  std::vector<std::int32_t> ids(count);
  for (std::size_t i = 0; i < count; ++i)
    ids[i] = static_cast<std::int32_t>(kernels::random_block(1, 0, i)[0] % static_cast<std::uint64_t>(vocab_size));
  std::vector<model::Sequence> sequences;
  for (std::int64_t b = 0; b < options.batch; ++b) {
    const std::span<const std::int32_t> row(ids.data() + b * options.length, static_cast<std::size_t>(options.length));
    sequences.push_back({row, row});
  }
  return model::make_batch(sequences);
}

Result<Bench> set_up(const ThroughputOptions& options) {
  Bench bench;
  using model::Keep, model::Trainable;
  TrainingConfig config;
  config.method = options.full ? TrainingConfig::Method::full : TrainingConfig::Method::lora;
  config.dtype = options.bfloat16 ? TrainingConfig::Dtype::bf16 : TrainingConfig::Dtype::f32;
  auto base = checkpoint::load_model(options.model, 0, config.storage());
  if (!base) return base.error();
  bench.base = std::move(*base);
  return_free_memory();
  if (options.lean) config.optimizer_states = TrainingConfig::States::bf16;
  bench.layerwise = options.lean && options.full;
  if (bench.layerwise) config.max_grad_norm = 0;
  if (!options.full) {
    config.lora.r = options.rank;
    auto adapter = new_adapter(config, bench.base.decoder);
    if (!adapter) return adapter.error();
    bench.adapter = std::move(*adapter);
  }
  auto trainable = bench.layerwise ? Trainable::full_by_layers(bench.base.decoder, bench.base.weights)
                   : options.full  ? Trainable::full(bench.base.decoder, bench.base.weights, Keep::gradients)
                                   : Trainable::lora(bench.base.decoder, bench.adapter, Keep::gradients);
  if (!trainable) return trainable.error();
  bench.trainable = std::move(*trainable);
  auto optimizer = Optimizer::make(bench.trainable->parameters(), config);
  if (!optimizer) return optimizer.error();
  bench.optimizer = std::move(*optimizer);
  if (options.full && options.bfloat16) {
    auto rounded = model::allocate_rounded(bench.base.decoder);
    if (!rounded) return rounded.error();
    bench.rounded = std::move(*rounded);
    model::round_into(bench.base.weights, bench.rounded);
  }
  auto network = bench.trainable->bind(bench.base.decoder, bench.base.weights, {options.bfloat16, options.full ? &bench.rounded : nullptr});
  if (!network) return network.error();
  bench.network = std::move(*network);
  bench.batch = random_batch(options, bench.base.decoder.vocab_size);
  auto workspace = model::make_workspace(bench.base.decoder, bench.trainable->lora_layout(),
                                         {.tokens = bench.batch.tokens(), .head_chunk = head_chunk_max(options.full), .backward = true, .recompute = options.lean, .bfloat16_products = options.bfloat16});
  if (!workspace) return workspace.error();
  bench.workspace = std::move(*workspace);
  return bench;
}

StepTimes one_step(Bench& bench, std::int64_t step) {
  const double cpu_start = cpu(), start = wall();
  constexpr double rate = 1e-5;
  bench.trainable->zero_gradients();
  if (bench.layerwise) begin_layerwise_step(*bench.trainable, bench.optimizer, bench.workspace, step, rate);
  model::forward(bench.network, bench.batch, {}, bench.workspace);
  model::loss_and_gradient(bench.network, bench.batch, 1.0f / static_cast<float>(bench.batch.supervised()), {},
                           bench.workspace);
  const double forward_end = wall();
  model::backward(bench.network, bench.batch, {}, bench.workspace);
  const double backward_end = wall();
  if (bench.layerwise)
    end_layerwise_step(*bench.trainable, bench.optimizer, bench.workspace, step, rate);
  else
    bench.optimizer.update(step, rate, bench.trainable->gradient_norm());
  model::round_into(bench.base.weights, bench.rounded);
  const double end = wall();
  return {forward_end - start, backward_end - forward_end, end - backward_end, cpu() - cpu_start};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::int64_t product_weights(const checkpoint::Weights& weights, const checkpoint::Decoder& decoder) {
  std::size_t count = 0;
  for (const auto& [name, tensor] : weights.tensors())
    if (tensor.shape.size() > 1 && (decoder.tie_word_embeddings || name != "model.embed_tokens.weight"))
      count += tensor.count();
  return static_cast<std::int64_t>(count);
}

}  // namespace

Result<Throughput> measure_throughput(const ThroughputOptions& options) {
  if (options.batch < 1 || options.length < 2 || options.repetitions < 1 || options.rank < 1)
    return invalid("batch, rank and repetitions must be at least 1, the length at least 2");
  use_threads(options.threads);
  auto bench = set_up(options);
  if (!bench) return bench.error();
  one_step(*bench, 1);  // touches all memory, and lets oneDNN generate its code
  std::vector<double> total, forward, backward, update, core;
  for (int r = 0; r < options.repetitions; ++r) {
    const StepTimes times = one_step(*bench, r + 2);
    total.push_back(times.total());
    forward.push_back(times.forward);
    backward.push_back(times.backward);
    update.push_back(times.update);
    core.push_back(times.cpu);
  }
  const auto tokens = static_cast<double>(bench->batch.tokens());
  Throughput row;
  row.name = (options.full ? "full " : "lora r" + std::to_string(options.rank) + " ") + std::to_string(options.batch) + "x" +
             std::to_string(options.length) + (options.bfloat16 ? " bf16" : "") + (options.lean ? " lean" : "");
  row.min = tokens / *std::max_element(total.begin(), total.end());
  row.median = tokens / median(total);
  row.max = tokens / *std::min_element(total.begin(), total.end());
  row.core = tokens / median(core);
  row.gflops = (options.full ? 6e-9 : 4e-9) * row.median *
               static_cast<double>(product_weights(bench->base.weights, bench->base.decoder));
  row.forward_seconds = median(forward);
  row.backward_seconds = median(backward);
  row.update_seconds = median(update);
  row.threads = kernels::thread_count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  row.peak_rss_mib = usage.ru_maxrss / 1024;
  return row;
}

void print_throughput(const Throughput& row, std::ostream& out) {
  char text[240];
  std::snprintf(text, sizeof text,
                "%-16s %6.1f / %6.1f / %6.1f tokens/s  %5.1f per CPU second  %5.0f GFLOP/s  "
                "forward %.2f s, backward %.2f s, AdamW %.2f s  %lld MiB",
                row.name.c_str(), row.min, row.median, row.max, row.core, row.gflops, row.forward_seconds,
                row.backward_seconds, row.update_seconds, static_cast<long long>(row.peak_rss_mib));
  out << text << std::endl;
}

std::string throughput_json(const Throughput& row) {
  return nlohmann::ordered_json{{"name", row.name},
                                {"tokens_per_second", {row.min, row.median, row.max}},
                                {"tokens_per_cpu_second", row.core},
                                {"gflops", row.gflops},
                                {"seconds", {row.forward_seconds, row.backward_seconds, row.update_seconds}},
                                {"threads", row.threads},
                                {"peak_rss_mib", row.peak_rss_mib}}
      .dump();
}

int throughput(const ThroughputOptions& options, bool json, std::ostream& out, std::ostream& err) {
  const auto row = measure_throughput(options);
  if (!row) return refuse(err, row.error());
  if (json)
    out << throughput_json(*row) << std::endl;
  else
    print_throughput(*row, out);
  return exit_done;
}

}  // namespace luthier::train
