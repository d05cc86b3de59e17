#include "gpu/serve/throughput.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>
#include <thread>

#include "events/base/temporary_directory.hpp"
#include "gpu/serve/engine.hpp"

namespace luthier::serve {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

GenerationRequest random_request(const Engine& engine, int prompt_tokens, int tokens, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int32_t> ids(0, static_cast<std::int32_t>(engine.decoder().vocab_size) - 1);
  GenerationRequest request;
  for (int i = 0; i < prompt_tokens; ++i) request.prompt.push_back(ids(random));
  request.sampling.temperature = 0;
  request.tokens_max = tokens;
  request.ignore_eos = true;
  return request;
}

Result<double> prompt_rate(Engine& engine, int tokens, std::uint64_t seed) {
  std::vector<GenerationRequest> requests{random_request(engine, tokens, 1, seed)};
  const auto begin = Clock::now();
  auto generations = engine.submit(std::move(requests));
  if (!generations) return generations.error();
  generations->front()->wait_all();
  return tokens / seconds_since(begin);
}

// From the moment when every sequence has its first token.
Result<double> decode_rate(Engine& engine, std::vector<GenerationRequest> requests) {
  auto generations = engine.submit(std::move(requests));
  if (!generations) return generations.error();
  const auto generated = [&] {
    std::int64_t sum = 0;
    for (const auto& generation : *generations) sum += generation->completion_tokens();
    return sum;
  };
  while (std::ranges::any_of(*generations, [](const auto& generation) { return generation->completion_tokens() == 0; }))
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  const auto begin = Clock::now();
  const auto before = generated();
  for (const auto& generation : *generations) generation->wait_all();
  return static_cast<double>(generated() - before) / seconds_since(begin);
}

Result<Throughput> repeat(std::string name, int repetitions, const std::function<Result<double>(std::uint64_t)>& once) {
  std::vector<double> rates;
  for (int i = 0; i < repetitions; ++i) {
    const auto rate = once(static_cast<std::uint64_t>(i));
    if (!rate) return rate.error();
    rates.push_back(*rate);
  }
  std::ranges::sort(rates);
  return Throughput{std::move(name), rates.front(), rates[rates.size() / 2], rates.back()};
}

Result<void> load_random_adapters(Engine& engine, const ThroughputOptions& options, const std::filesystem::path& directory) {
  std::mt19937 random(1);
  std::normal_distribution<float> values(0, 0.02F);
  for (int i = 0; i < options.sequences; ++i) {
    checkpoint::LoraConfig config;
    config.r = options.adapter_rank;
    config.target_pattern = "all-linear";
    auto adapter = checkpoint::make_adapter(config, engine.decoder());
    if (!adapter) return adapter.error();
    for (auto& module : adapter->modules)
      for (const auto& tensor : {module.a, module.b}) std::ranges::generate(tensor.values, [&] { return values(random); });
    const auto name = "adapter-" + std::to_string(i);
    if (auto saved = checkpoint::save_adapter(directory / name, *adapter); !saved) return saved.error();
    if (auto loaded = engine.adapters().load(name, directory / name, "1"); !loaded) return loaded.error();
  }
  return {};
}

}  // namespace

Result<std::vector<Throughput>> measure_throughput(const ThroughputOptions& options) {
  auto started = Engine::start(options.model, {.threads = options.threads, .requests_running_max = options.sequences, .weights = options.weights});
  if (!started) return started.error();
  Engine& engine = **started;
  const TemporaryDirectory directory;
  if (auto loaded = load_random_adapters(engine, options, directory.path()); !loaded) return loaded.error();
  if (auto warm = prompt_rate(engine, 32, 0); !warm) return warm.error();

  constexpr int short_prompt = 32;
  const auto batch = [&](int count, bool with_adapters, std::uint64_t seed) {
    std::vector<GenerationRequest> requests;
    for (int i = 0; i < count; ++i) {
      requests.push_back(random_request(engine, short_prompt, options.decode_tokens, seed * 1000 + static_cast<std::uint64_t>(i)));
      if (with_adapters) requests.back().adapter = engine.adapters().find("adapter-" + std::to_string(i));
    }
    return requests;
  };
  const auto many = std::to_string(options.sequences);
  std::vector<Throughput> rows;
  for (const auto& [name, once] : std::initializer_list<std::pair<std::string, std::function<Result<double>(std::uint64_t)>>>{
           {"prompt of " + std::to_string(options.prompt_tokens), [&](auto seed) { return prompt_rate(engine, options.prompt_tokens, seed); }},
           {"decode, 1 sequence", [&](auto seed) { return decode_rate(engine, batch(1, false, seed)); }},
           {"decode, 1 sequence with an adapter", [&](auto seed) { return decode_rate(engine, batch(1, true, seed)); }},
           {"decode, " + many + " sequences", [&](auto seed) { return decode_rate(engine, batch(options.sequences, false, seed)); }},
           {"decode, " + many + " sequences, " + many + " adapters", [&](auto seed) { return decode_rate(engine, batch(options.sequences, true, seed)); }},
       }) {
    auto row = repeat(name, options.repetitions, once);
    if (!row) return row.error();
    rows.push_back(std::move(*row));
  }
  return rows;
}

void print_throughput(const std::vector<Throughput>& rows, std::ostream& table) {
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.name.size());
  table << std::fixed << std::setprecision(1);
  for (const auto& row : rows)
    table << std::left << std::setw(static_cast<int>(width) + 2) << row.name << std::right << std::setw(8) << row.min << " /"
          << std::setw(8) << row.median << " /" << std::setw(8) << row.max << " tokens/s\n";
}

std::string throughput_json(const std::vector<Throughput>& rows) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& row : rows)
    out.push_back({{"name", row.name}, {"unit", "tokens/s"}, {"min", row.min}, {"median", row.median}, {"max", row.max}});
  return out.dump();
}

}  // namespace luthier::serve
