// What adapters cost a running engine, for ./bench serve; what `luthier engine bench serve` does not measure.
//
//   adapter_rates MODEL THREADS
//
// Eight random adapters of rank 8 on all linear layers. Prints a line of JSON: {"load_ms": of each, from its files to where requests may name
// it; "switch_ms": of finding another one by its name; "first_same_ms", "first_other_ms": to the first token of a request of one token, whose
// adapter is that of the request before, or another one; "without", "with": tokens/s of 16 streams, two for each adapter in the second}.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "events/base/temporary_directory.hpp"
#include "gpu/serve/engine.hpp"

namespace luthier::serve {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int adapters = 8, streams = 16, short_prompt = 32, decode_tokens = 64;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

[[noreturn]] void fail(const Error& error) {
  std::cerr << "adapter_rates: " << error.message << std::endl;
  std::exit(1);
}

std::string name_of(int adapter) { return "adapter-" + std::to_string(adapter % adapters); }

void save_random_adapter(const checkpoint::Decoder& decoder, const std::filesystem::path& directory, std::mt19937& random) {
  checkpoint::LoraConfig config;
  config.r = 8;
  config.target_pattern = "all-linear";
  auto adapter = checkpoint::make_adapter(config, decoder);
  if (!adapter) fail(adapter.error());
  std::normal_distribution<float> values(0, 0.02F);
  for (auto& module : adapter->modules)
    for (const auto& tensor : {module.a, module.b}) std::ranges::generate(tensor.values, [&] { return values(random); });
  if (auto saved = checkpoint::save_adapter(directory, *adapter); !saved) fail(saved.error());
}

GenerationRequest random_request(const Engine& engine, int prompt_tokens, int tokens, std::mt19937& random) {
  std::uniform_int_distribution<std::int32_t> ids(0, static_cast<std::int32_t>(engine.decoder().vocab_size) - 1);
  GenerationRequest request;
  for (int i = 0; i < prompt_tokens; ++i) request.prompt.push_back(ids(random));
  request.sampling.temperature = 0;
  request.tokens_max = tokens;
  request.ignore_eos = true;
  return request;
}

std::vector<std::shared_ptr<Generation>> submit(Engine& engine, std::vector<GenerationRequest> requests) {
  auto generations = engine.submit(std::move(requests));
  if (!generations) fail(generations.error());
  return std::move(*generations);
}

// From the moment when every stream has its first token.
double decode_rate(Engine& engine, bool with_adapters, std::mt19937& random) {
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < streams; ++i) {
    requests.push_back(random_request(engine, short_prompt, decode_tokens, random));
    if (with_adapters) requests.back().adapter = engine.adapters().find(name_of(i));
  }
  const auto generations = submit(engine, std::move(requests));
  const auto generated = [&] {
    std::int64_t sum = 0;
    for (const auto& generation : generations) sum += generation->completion_tokens();
    return sum;
  };
  while (std::ranges::any_of(generations, [](const auto& generation) { return generation->completion_tokens() == 0; }))
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  const auto begin = Clock::now();
  const auto before = generated();
  for (const auto& generation : generations) generation->wait_all();
  return static_cast<double>(generated() - before) / seconds_since(begin);
}

struct First { double find_ms, token_ms; };

First first_token(Engine& engine, int adapter, std::mt19937& random) {
  auto request = random_request(engine, 1, 1, random);
  const auto name = name_of(adapter);
  const auto begin = Clock::now();
  request.adapter = engine.adapters().find(name);
  const double find_ms = seconds_since(begin) * 1000;
  std::vector<GenerationRequest> requests;
  requests.push_back(std::move(request));
  submit(engine, std::move(requests)).front()->wait_all();
  return {find_ms, seconds_since(begin) * 1000};
}

int measure(const std::filesystem::path& model, int threads) {
  auto started = Engine::start(model, {.threads = threads, .requests_running_max = streams});
  if (!started) fail(started.error());
  Engine& engine = **started;
  const TemporaryDirectory directory;
  std::mt19937 random(1);
  nlohmann::ordered_json out;
  for (int i = 0; i < adapters; ++i) {
    const auto files = directory.path() / name_of(i);
    save_random_adapter(engine.decoder(), files, random);
    const auto begin = Clock::now();
    if (auto loaded = engine.adapters().load(name_of(i), files, "1"); !loaded) fail(loaded.error());
    out["load_ms"].push_back(seconds_since(begin) * 1000);
  }
  decode_rate(engine, true, random);
  for (int i = 0; i < 25; ++i) {  // i, then i again, then i + 1: the second has the adapter of the one before, the first another one
    const First other = first_token(engine, i, random), same = first_token(engine, i, random);
    out["switch_ms"].push_back(other.find_ms);
    out["first_other_ms"].push_back(other.token_ms);
    out["first_same_ms"].push_back(same.token_ms);
  }
  for (int i = 0; i < 2; ++i) {
    out["without"].push_back(decode_rate(engine, false, random));
    out["with"].push_back(decode_rate(engine, true, random));
  }
  std::cout << out.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace luthier::serve

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return luthier::serve::measure(argv[1], std::atoi(argv[2]));
}
