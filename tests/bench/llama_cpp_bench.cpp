// What llama.cpp does on this machine, for ./bench serve: the same work as `luthier engine bench serve`, each by the clock. Compiled by
// tools/setup-llama-cpp.sh against its library; nothing of Luthier is in it.
//
//   bench f16 IN.gguf OUT.gguf              its own conversion: matrices as f16
//   bench rates MODEL THREADS [ADAPTER]     a line of JSON: tokens/s of a prompt of 512, of one stream and of eight; with an adapter's
//                                           GGUF file also ms to load it and to switch to it, and the eight streams with it
//   bench answer MODEL THREADS COUNT ID...  the ids that most likely follow, as a JSON array
#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr int prompt_tokens = 512, short_prompt = 32, decode_tokens = 64, streams = 8;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "llama.cpp: %s\n", what.c_str());
  std::exit(1);
}

struct Row {
  llama_token token;
  llama_pos position;
  llama_seq_id sequence;
  bool wanted;  // its logits
};

class Peer {
 public:
  Peer(const char* file, int threads) {
    model_ = llama_model_load_from_file(file, llama_model_default_params());
    if (!model_) fail(std::string(file) + " cannot be read");
    auto options = llama_context_default_params();
    options.n_ctx = streams * 1024;
    options.n_batch = options.n_ubatch = prompt_tokens;
    options.n_seq_max = streams;
    options.n_threads = options.n_threads_batch = threads;
    context_ = llama_init_from_model(model_, options);
    if (!context_) fail("no context");
    batch_ = llama_batch_init(prompt_tokens, 0, 1);
    vocabulary_ = llama_vocab_n_tokens(llama_model_get_vocab(model_));
  }
  ~Peer() {
    llama_batch_free(batch_);
    llama_free(context_);
    llama_model_free(model_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void forget() { llama_memory_clear(llama_get_memory(context_), true); }

  // One pass; the most likely token after each row whose logits are wanted.
  std::vector<llama_token> pass(const std::vector<Row>& rows) {
    batch_.n_tokens = static_cast<std::int32_t>(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      batch_.token[i] = rows[i].token;
      batch_.pos[i] = rows[i].position;
      batch_.n_seq_id[i] = 1;
      batch_.seq_id[i][0] = rows[i].sequence;
      batch_.logits[i] = rows[i].wanted;
    }
    if (llama_decode(context_, batch_) != 0) fail("a pass failed");
    std::vector<llama_token> next;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].wanted) continue;
      const float* logits = llama_get_logits_ith(context_, static_cast<std::int32_t>(i));
      next.push_back(static_cast<llama_token>(std::max_element(logits, logits + vocabulary_) - logits));
    }
    return next;
  }

  std::vector<Row> random_prompts(int count, int length) {
    std::uniform_int_distribution<llama_token> ids(0, vocabulary_ - 1);
    std::vector<Row> rows;
    for (int sequence = 0; sequence < count; ++sequence)
      for (int i = 0; i < length; ++i) rows.push_back({ids(random_), i, sequence, i + 1 == length});
    return rows;
  }

  double prompt_rate(int length) {
    forget();
    const auto rows = random_prompts(1, length);
    const auto begin = Clock::now();
    pass(rows);
    return length / seconds_since(begin);
  }

  // From the moment when every sequence has its first token, as ours is measured.
  double decode_rate(int count) {
    forget();
    auto tokens = pass(random_prompts(count, short_prompt));
    const auto begin = Clock::now();
    for (int i = 0; i + 1 < decode_tokens; ++i) {
      std::vector<Row> rows;
      for (int sequence = 0; sequence < count; ++sequence)
        rows.push_back({tokens[static_cast<std::size_t>(sequence)], short_prompt + i, sequence, true});
      tokens = pass(rows);
    }
    return count * (decode_tokens - 1) / seconds_since(begin);
  }

  std::pair<double, double> load_and_switch_ms(const char* file) {
    auto begin = Clock::now();
    llama_adapter_lora* adapter = llama_adapter_lora_init(model_, file);
    const double load = seconds_since(begin) * 1000;
    if (!adapter) fail(std::string(file) + " is no adapter");
    float scale = 1;
    begin = Clock::now();
    if (llama_set_adapters_lora(context_, &adapter, 1, &scale) != 0) fail("the adapter is refused");
    return {load, seconds_since(begin) * 1000};  // the model owns the adapter
  }

 private:
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  llama_batch batch_{};
  int vocabulary_ = 0;
  std::mt19937 random_{1};
};

void convert(const char* from, const char* to) {
  auto options = llama_model_quantize_default_params();
  options.ftype = LLAMA_FTYPE_MOSTLY_F16;
  options.allow_requantize = true;
  if (llama_model_quantize(from, to, &options) != 0) fail(std::string(from) + " cannot be converted");
}

void rates(const char* model, int threads, const char* adapter) {
  Peer peer(model, threads);
  peer.prompt_rate(short_prompt);
  const double prompt = peer.prompt_rate(prompt_tokens), one = peer.decode_rate(1), many = peer.decode_rate(streams);
  std::printf("{\"prompt\": %.2f, \"decode_1\": %.2f, \"decode_8\": %.2f", prompt, one, many);
  if (adapter) {
    const auto [load, change] = peer.load_and_switch_ms(adapter);
    std::printf(", \"adapter_load_ms\": %.3f, \"adapter_switch_ms\": %.4f", load, change);
    std::printf(", \"decode_8_adapter\": %.2f", peer.decode_rate(streams));
  }
  std::printf("}\n");
}

void answer(const char* model, int threads, int count, const std::vector<llama_token>& ids) {
  Peer peer(model, threads);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < ids.size(); ++i) rows.push_back({ids[i], static_cast<llama_pos>(i), 0, i + 1 == ids.size()});
  auto token = peer.pass(rows).front();
  std::printf("[%d", token);
  for (int i = 1; i < count; ++i) {
    token = peer.pass({{token, static_cast<llama_pos>(ids.size()) + i - 1, 0, true}}).front();
    std::printf(", %d", token);
  }
  std::printf("]\n");
}

}  // namespace

int main(int argc, char** argv) {
  llama_log_set([](ggml_log_level level, const char* text, void*) {
    if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
  }, nullptr);
  llama_backend_init();
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "f16" && argc == 4) {
    convert(argv[2], argv[3]);
  } else if (what == "rates" && (argc == 4 || argc == 5)) {
    rates(argv[2], std::atoi(argv[3]), argc == 5 ? argv[4] : nullptr);
  } else if (what == "answer" && argc > 5) {
    std::vector<llama_token> ids;
    for (int i = 5; i < argc; ++i) ids.push_back(std::atoi(argv[i]));
    answer(argv[2], std::atoi(argv[3]), std::atoi(argv[4]), ids);
  } else {
    fail("f16 IN OUT, rates MODEL THREADS [ADAPTER] or answer MODEL THREADS COUNT ID...");
  }
}
