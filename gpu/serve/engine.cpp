#include "gpu/serve/engine.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "gpu/serve/network.hpp"
#include "gpu/serve/scheduler.hpp"
#include "gpu/serve/team.hpp"

namespace luthier::serve {

struct Engine::Parts {
  EngineOptions options;
  text::Tokenizer tokenizer;
  std::unique_ptr<Team> team;
  std::unique_ptr<Network> network;
  KvCache cache;
  std::int64_t context_max = 0;
  std::vector<std::int32_t> eos;
  std::unique_ptr<AdapterRegistry> adapters;
  std::unique_ptr<Scheduler> scheduler;  // the thread's alone

  mutable std::mutex mutex;
  std::condition_variable work;
  std::vector<std::unique_ptr<Sequence>> arrived;  // taken by the thread at its next step
  EngineLoad load;
  bool stopping = false, cancelling = false;
  std::thread thread;

  void serve();
  bool wait_for_work(bool& cancel_all);
  void step();
  std::vector<std::int32_t> sample_all(const std::vector<StepItem>& items, std::vector<std::vector<TokenLogprob>>& tops);
  void pool_hidden(const std::vector<StepItem>& items);
  void publish_load();
};

namespace {

Result<KvCache> allocate_cache(const Network& network, const EngineOptions& options) {
  const auto shape = network.kv_shape();
  const auto block_bytes = std::max(static_cast<std::size_t>(shape.block_floats()) * sizeof(float), std::size_t{1});
  const std::int64_t enough = std::max<std::int64_t>(options.requests_running_max * blocks_for(network.context_max() + 1), 2);
  const auto blocks = std::min(static_cast<std::int64_t>(options.kv_memory_bytes / block_bytes), enough);
  if (blocks < 2)
    return Error{ErrorCode::invalid, "a key-value cache of " + std::to_string(options.kv_memory_bytes) + " bytes holds less than " +
                 std::to_string(2 * block_tokens) + " tokens of this model; it needs at least " +
                 std::to_string(2 * block_bytes) + " bytes", "kv-memory-mib"};
  return KvCache::allocate(shape, blocks);
}

}  // namespace

Engine::Engine() : parts_(std::make_unique<Parts>()) {}

Result<std::unique_ptr<Engine>> Engine::start(const std::filesystem::path& model, const EngineOptions& options) {
  auto tokenizer = std::async(std::launch::async, [&model] { return text::Tokenizer::load(model); });  // while the weights are read
  return start(model, std::move(tokenizer), options);
}

Result<std::unique_ptr<Engine>> Engine::start(const std::filesystem::path& model, text::Tokenizer tokenizer, const EngineOptions& options) {
  std::promise<Result<text::Tokenizer>> loaded;
  loaded.set_value(std::move(tokenizer));
  return start(model, loaded.get_future(), options);
}

Result<std::unique_ptr<Engine>> Engine::start(const std::filesystem::path& model, std::future<Result<text::Tokenizer>> tokenizer,
                                              const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine);
  auto& parts = *engine->parts_;
  parts.options = options;
  parts.team = std::make_unique<Team>(options.threads > 0 ? options.threads : usable_processors());
  auto network = Network::load(model, *parts.team, options.step_tokens_max + options.requests_running_max,
                               options.requests_running_max, options.context_max, options.weights);
  auto loaded = tokenizer.get();
  if (!loaded) return loaded.error();
  parts.tokenizer = std::move(*loaded);
  if (!network) return network.error();
  parts.network = std::move(*network);
  auto cache = allocate_cache(*parts.network, options);
  if (!cache) return cache.error();
  parts.cache = std::move(*cache);
  parts.context_max = std::min(parts.network->context_max(), parts.cache.blocks() * block_tokens - 1);
  for (const auto id : parts.network->decoder().eos_token_ids) parts.eos.push_back(static_cast<std::int32_t>(id));
  if (const auto eos = parts.tokenizer.eos()) parts.eos.push_back(*eos);
  parts.adapters = std::make_unique<AdapterRegistry>(*parts.network, options.adapters_max);
  const bool whole_texts = parts.network->takes_whole_texts();
  parts.scheduler = std::make_unique<Scheduler>(parts.cache.blocks(), options.requests_running_max,
                                                whole_texts ? std::max(options.step_tokens_max, parts.context_max) : options.step_tokens_max,
                                                whole_texts);
  parts.publish_load();
  parts.thread = std::thread([&parts] { parts.serve(); });
  return engine;
}

Engine::~Engine() {
  if (!parts_->thread.joinable()) return;
  {
    const std::lock_guard lock(parts_->mutex);
    parts_->stopping = true;
  }
  parts_->work.notify_all();
  parts_->thread.join();
}

const checkpoint::Decoder& Engine::decoder() const { return parts_->network->decoder(); }
const text::Tokenizer& Engine::tokenizer() const { return parts_->tokenizer; }
std::int64_t Engine::context_max() const { return parts_->context_max; }
const EngineOptions& Engine::options() const { return parts_->options; }
AdapterRegistry& Engine::adapters() { return *parts_->adapters; }

EngineLoad Engine::load() const {
  const std::lock_guard lock(parts_->mutex);
  auto load = parts_->load;
  load.requests_waiting += static_cast<std::int64_t>(parts_->arrived.size());
  return load;
}

Result<std::vector<std::shared_ptr<Generation>>> Engine::submit(std::vector<GenerationRequest> requests) {
  for (const auto& request : requests) {
    const auto length = static_cast<std::int64_t>(request.prompt.size());
    if (!request.is_embedding && !decoder().has_head) return invalid("this model makes embeddings; it does not generate text", "model");
    if (length == 0) return invalid("the prompt has no tokens; at least one is needed", "prompt");
    for (const std::int32_t token : request.prompt)
      if (token < 0 || token >= decoder().vocab_size)
        return invalid("token " + std::to_string(token) + " is not in the vocabulary of " +
                       std::to_string(decoder().vocab_size), "prompt");
    if (length > context_max() || request.tokens_max > context_max() - length)
      return Error{ErrorCode::limit, "this model's maximum context length is " + std::to_string(context_max()) +
                   " tokens, but " + std::to_string(length) + " in the prompt and " + std::to_string(request.tokens_max) +
                   " in the answer were asked for", "max_tokens"};
  }
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<std::shared_ptr<Generation>> generations;
  for (auto& request : requests) {
    auto generation = std::make_shared<Generation>();
    generation->prompt_tokens_ = static_cast<std::int64_t>(request.prompt.size());
    sequences.push_back(std::make_unique<Sequence>(std::move(request), generation, parts_->tokenizer));
    sequences.back()->pool = Pool(decoder().pooling);
    generations.push_back(std::move(generation));
  }
  {
    const std::lock_guard lock(parts_->mutex);
    const auto waiting = parts_->load.requests_waiting + static_cast<std::int64_t>(parts_->arrived.size());
    if (parts_->stopping) return Error{ErrorCode::unavailable, "the engine is stopping", {}};
    if (waiting + static_cast<std::int64_t>(sequences.size()) > parts_->options.requests_waiting_max)
      return Error{ErrorCode::limit, "the queue is full: " + std::to_string(waiting) + " requests wait already; try again", {}};
    for (auto& sequence : sequences) parts_->arrived.push_back(std::move(sequence));
  }
  parts_->work.notify_all();
  return generations;
}

void Engine::cancel_all() {
  {
    const std::lock_guard lock(parts_->mutex);
    parts_->cancelling = true;
  }
  parts_->work.notify_all();
}

void Engine::Parts::publish_load() {
  const std::lock_guard lock(mutex);
  load = {scheduler->running(), scheduler->waiting(), scheduler->blocks_free(), cache.blocks(), scheduler->preemptions()};
}

// False: the engine stops.
bool Engine::Parts::wait_for_work(bool& cancel_all) {
  std::unique_lock lock(mutex);
  work.wait(lock, [&] { return stopping || cancelling || !arrived.empty() || !scheduler->idle(); });
  for (auto& sequence : arrived) scheduler->add(std::move(sequence));
  arrived.clear();
  load.requests_waiting = scheduler->waiting();
  cancel_all = std::exchange(cancelling, false) || stopping;
  return !stopping;
}

void Engine::Parts::serve() {
  for (bool running = true, cancel_all = false; running;) {
    running = wait_for_work(cancel_all);
    scheduler->remove_if([&](Sequence& sequence) {
      if (!cancel_all && !sequence.generation().cancelled()) return false;
      sequence.generation().add({}, {}, sequence.generated(), FinishReason::cancelled);
      return true;
    });
    if (running) step();
    publish_load();
  }
}

// One pass of the network, and one more token for each request whose known tokens are all computed.
void Engine::Parts::step() {
  auto items = scheduler->plan();
  publish_load();
  if (items.empty()) return;
  std::ranges::stable_sort(items, {}, [](const StepItem& item) { return item.sequence->request().adapter.get(); });
  std::vector<BatchItem> batch;
  for (const auto& item : items) {
    const auto& sequence = *item.sequence;
    batch.push_back({sequence.tokens().subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(item.count)),
                     sequence.computed, network->rope_length(static_cast<std::int64_t>(sequence.request().prompt.size()), sequence.length()),
                     sequence.blocks, sequence.request().adapter.get(), item.is_complete && !sequence.request().is_embedding});
  }
  network->forward(batch, cache);
  std::vector<std::vector<TokenLogprob>> tops(items.size());
  const auto tokens = sample_all(items, tops);
  pool_hidden(items);
  std::vector<Sequence*> ended;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Sequence& sequence = *items[i].sequence;
    sequence.computed += items[i].count;
    if (!items[i].is_complete) continue;
    if (sequence.request().is_embedding) {
      sequence.generation().add_embedding(sequence.pool.vector());
      ended.push_back(&sequence);
      continue;
    }
    const bool is_eos = std::ranges::find(eos, tokens[i]) != eos.end();
    auto added = sequence.add({tokens[i], std::move(tops[i])}, is_eos);
    sequence.generation().add(std::move(added.text), std::move(added.tokens), sequence.generated(), added.finish);
    if (added.finish) ended.push_back(&sequence);
    // Each sequence counts as if it were alone and computed at its present length.
    else if (!network->keeps_its_past(sequence.length() - 1, sequence.length())) sequence.computed = 0;
  }
  scheduler->remove_if([&](Sequence& sequence) { return std::ranges::find(ended, &sequence) != ended.end(); });
}

// The hidden states of this pass, to those who asked for them.
void Engine::Parts::pool_hidden(const std::vector<StepItem>& items) {
  if (std::ranges::none_of(items, [](const StepItem& item) { return item.sequence->request().is_embedding; })) return;
  network->finish_hidden();
  std::int64_t row = 0;
  for (const auto& item : items) {
    if (item.sequence->request().is_embedding)
      for (std::int64_t i = 0; i < item.count; ++i) item.sequence->pool.add(network->hidden(row + i));
    row += item.count;
  }
}

std::vector<std::int32_t> Engine::Parts::sample_all(const std::vector<StepItem>& items,
                                                    std::vector<std::vector<TokenLogprob>>& tops) {
  std::vector<std::int32_t> tokens(items.size(), -1);
  team->run([&](Worker& worker) {
    worker.each(static_cast<std::int64_t>(items.size()), [&](std::int64_t at) {
      const auto i = static_cast<std::size_t>(at);
      const auto& sequence = *items[i].sequence;
      if (!items[i].is_complete || sequence.request().is_embedding) return;
      const auto& request = sequence.request();
      std::vector<float> own;
      auto logits = network->logits(i);
      if (request.logprobs_top >= 0) own.assign(logits.begin(), logits.end());
      tokens[i] = sample(logits, request.sampling, sequence.counts(), static_cast<std::uint64_t>(sequence.generated()));
      if (request.logprobs_top >= 0) tops[i] = logprobs(own, tokens[i], request.logprobs_top);
    });
  });
  return tokens;
}

}  // namespace luthier::serve
