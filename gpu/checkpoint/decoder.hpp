// One description of a decoder-only transformer. Families are data: whatever distinguishes Llama from the next one
// is a member here, filled in from a checkpoint's own config, never a class of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace luthier::checkpoint {

// Rotary position embedding (arXiv 2104.09864) and the ways to stretch it that Hugging Face's config.json names.
struct Rope {
  enum class Kind { plain, linear, dynamic, llama3, yarn, longrope };
  Kind kind = Kind::plain;
  double theta = 10000.0;
  double factor = 1.0;
  double low_freq_factor = 1.0;   // llama3
  double high_freq_factor = 4.0;  // llama3
  std::int64_t original_max_position_embeddings = 0;  // llama3, yarn, longrope, dynamic; 0: not given
  double beta_fast = 32.0, beta_slow = 1.0;           // yarn
  double attention_factor = 0.0;                      // yarn, longrope; 0: the formula's
  double mscale = 0.0, mscale_all_dim = 0.0;          // yarn
  bool truncate = true;                               // yarn
  std::vector<double> short_factor, long_factor;      // longrope, head_dim / 2 each

  bool operator==(const Rope&) const = default;
};

struct Decoder {
  std::string family;        // config.json's model_type, GGUF's general.architecture: "llama"
  std::string architecture;  // "LlamaForCausalLM"
  std::string dtype;         // what the checkpoint stores most weights as: "float32", "bfloat16", "float16", "q4_1", "q8_0"

  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-5;
  bool tie_word_embeddings = false;
  bool attention_bias = false;  // q, k, v and o
  bool mlp_bias = false;        // gate, up and down
  Rope rope;

  std::int64_t bos_token_id = -1;                // -1: none
  std::vector<std::int64_t> eos_token_ids;       // generation ends at any of these
  std::int64_t pad_token_id = -1;

  bool operator==(const Decoder&) const = default;
};

}  // namespace luthier::checkpoint
