// One description of a transformer. Families are data: whatever distinguishes Llama from the next one is a member here,
// filled in from a checkpoint's own config, never a class of its own. What is not said is as in Llama.
#pragma once

#include <cstdint>
#include <map>
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

enum class NormKind {
  rms,           // x / rms(x) * w (arXiv 1910.07467)
  rms_plus_one,  // x / rms(x) * (1 + w): Gemma
  layer,         // (x - mean) / deviation * w + b: BERT
};

enum class NormPlace {
  before,  // of attention and of the feed-forward part: x + f(norm(x))
  around,  // and of their results too: x + norm(f(norm(x))), Gemma 2 and 3
  after,   // of the sums: norm(x + f(x)), BERT
};

enum class Activation { silu, gelu, gelu_tanh, relu };

// Who may attend: every token sees itself and what its layer's window allows of those before it; in an encoder of all.
enum class Attend { before, all };

enum class Pooling { none, mean, cls, last };  // of an embedding model: none for what generates text

// Of which Rope a layer takes its frequencies.
enum class Positions { rope, local_rope, none };

// Where one layer differs from the next. A part that is missing has no norm either (DeciLM's no-ops).
struct LayerShape {
  std::int64_t num_heads = 0;          // 0: no attention
  std::int64_t num_kv_heads = 0;
  std::int64_t intermediate_size = 0;  // 0: no feed-forward part. Of one expert where there are experts
  std::int64_t num_experts = 0;        // 0: one dense feed-forward part
  std::int64_t window = 0;             // how many tokens a token sees, itself among them; 0: all before it
  Positions positions = Positions::rope;

  bool operator==(const LayerShape&) const = default;
};

// A mixture of experts: a router's softmax picks `per_token` of them for each token.
struct Experts {
  std::int64_t per_token = 0;
  bool softmax_after_choice = false;  // over the chosen logits alone: GPT-OSS; else over all of them, before the choice
  bool sums_to_one = true;            // with softmax before the choice: the chosen ones' shares are divided by their sum
  bool biases = false;                // of the router and of the experts
  // Stacked: one tensor for all experts, [experts, in, out] as GPT-OSS publishes it, gate and up taking turns in its
  // columns; else one of each kind for each expert, [out, in].
  bool stacked = false;
  bool operator==(const Experts&) const = default;
};

// config.json as it was read, which is written again with the weights: families and their tools know members that we do not.
// No part of what a decoder computes. Empty: there was none, as with GGUF.
struct PublishedConfig {
  std::string text;
  bool operator==(const PublishedConfig&) const { return true; }
};

// What the values of a matrix are kept as: see stored_matrix.hpp.
enum class StoredKind { f32, bf16, int8, nf4, mxfp4, f16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k };

// What each tensor of a checkpoint lies there as, under its Hugging Face name; what is not named is f32. No part of what a decoder
// computes either. Empty: the tensors were not looked at.
struct StoredKinds {
  std::map<std::string, StoredKind> of;
  bool operator==(const StoredKinds&) const { return true; }
};

struct Decoder {
  std::string family;        // config.json's model_type, GGUF's general.architecture: "llama"
  std::string architecture;  // "LlamaForCausalLM"
  std::string dtype;         // what the checkpoint stores most weights as: "float32", "bfloat16", "float16", "mxfp4", "q4_1" …
  std::string tensor_prefix = "model.";  // of all tensors but the head: "" in a model without one

  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;      // the largest of any layer, as is what follows
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;       // of every layer
  std::int64_t intermediate_size = 0;
  std::int64_t max_position_embeddings = 0;
  std::vector<LayerShape> layers;  // num_layers of them

  NormKind norm = NormKind::rms;
  NormPlace norm_place = NormPlace::before;
  double rms_norm_eps = 1e-5;   // of all norms
  bool tie_word_embeddings = false;
  bool has_head = true;         // false: the result is hidden states, as of an embedding model
  bool qkv_bias = false;
  bool output_bias = false;     // of o
  bool mlp_bias = false;        // gate, up and down
  bool fused_qkv = false;       // one tensor qkv_proj: Phi-3
  bool fused_gate_up = false;   // one tensor gate_up_proj, gate first: Phi-3
  bool gated = true;            // false: up and down alone, activation between them
  Activation activation = Activation::silu;
  double swiglu_limit = 0;      // GPT-OSS: gate at most this, up within it, (up + 1) * gate * sigmoid(swiglu_alpha * gate); 0: plain
  double swiglu_alpha = 1.702;
  bool query_key_norm = false;  // one norm over each head's q and k, before they are rotated: Qwen3, Gemma 3
  bool attention_sinks = false; // one logit a head that joins the softmax's denominator alone: GPT-OSS
  double attention_scale = 0;   // of scores; 0: 1 / sqrt(head_dim)
  double attention_softcap = 0; // scores become cap * tanh(score / cap); 0: none
  double logit_softcap = 0;
  double embedding_scale = 1;   // of token embeddings as the network's input
  std::int64_t rotary_dim = 0;  // how much of a head is rotated, its first part; 0: head_dim
  Attend attend = Attend::before;
  Pooling pooling = Pooling::none;
  std::string query_prefix, passage_prefix;  // of an embedding model's texts
  // BERT: learned positions are added to the tokens' embeddings, the first token having `position_offset`.
  bool learned_positions = false;
  std::int64_t position_offset = 0;
  std::int64_t token_types = 0;  // 0: none; every token is of type 0
  Experts experts;
  Rope rope, local_rope;

  std::int64_t bos_token_id = -1;                // -1: none
  std::vector<std::int64_t> eos_token_ids;       // generation ends at any of these
  std::int64_t pad_token_id = -1;

  PublishedConfig published;
  StoredKinds stored;

  bool operator==(const Decoder&) const = default;
};

// Gives every layer the decoder's own sizes: what a family without exceptions needs.
void make_layers_alike(Decoder& decoder);

}  // namespace luthier::checkpoint
