// The logits that llama.cpp computes, for make_gguf_logit_goldens.py, which compiles this against the library of
// tools/setup-llama-cpp.sh; nothing of Luthier is in it.
//
//   logits MODEL OUT LENGTH ID... [LENGTH ID...]...     each sequence alone; OUT: f32, row by row
#include <llama.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "llama.cpp: %s\n", what);
  std::exit(1);
}

void write_logits(llama_model* model, const std::vector<llama_token>& ids, std::FILE* out) {
  auto options = llama_context_default_params();
  const auto count = static_cast<std::int32_t>(ids.size());
  options.n_ctx = options.n_batch = options.n_ubatch = static_cast<std::uint32_t>(count);
  options.n_threads = options.n_threads_batch = 1;
  options.type_k = options.type_v = GGML_TYPE_F32;
  options.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  llama_context* context = llama_init_from_model(model, options);
  if (!context) fail("no context");
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (std::int32_t i = 0; i < count; ++i) {
    batch.token[i] = ids[static_cast<std::size_t>(i)];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  if (llama_decode(context, batch) != 0) fail("a pass failed");
  const auto width = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
  for (std::int32_t i = 0; i < count; ++i)
    if (std::fwrite(llama_get_logits_ith(context, i), sizeof(float), width, out) != width) fail("cannot write");
  llama_batch_free(batch);
  llama_free(context);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) fail("MODEL OUT LENGTH ID...");
  llama_log_set([](ggml_log_level level, const char* text, void*) {
    if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
  }, nullptr);
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) fail("the model cannot be read");
  std::FILE* out = std::fopen(argv[2], "wb");
  if (!out) fail("cannot write");
  for (int i = 3; i < argc;) {
    std::vector<llama_token> ids;
    for (int left = std::atoi(argv[i++]); left > 0 && i < argc; --left) ids.push_back(std::atoi(argv[i++]));
    write_logits(model, ids, out);
  }
  std::fclose(out);
}
