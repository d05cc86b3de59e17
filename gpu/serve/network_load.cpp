#include <algorithm>
#include <string>

#include "gpu/serve/network_parts.hpp"

namespace luthier::serve {
namespace {

using checkpoint::Tensor;

std::vector<float> padded(std::span<const float> values, std::int64_t multiple) {
  std::vector<float> out(values.begin(), values.end());
  out.resize((out.size() + static_cast<std::size_t>(multiple) - 1) / static_cast<std::size_t>(multiple) *
             static_cast<std::size_t>(multiple));
  return out;
}

// Packs matrices one after the other into one block of memory, giving each one's own memory back at once: the model is
// never there twice.
class Packer {
 public:
  Packer(const checkpoint::Weights& weights, Team& team) : weights_(weights), team_(team) {}

  const Tensor& find(const std::string& name) const {
    const Tensor* tensor = weights_.find(name);
    if (tensor == nullptr) missing_ = name;
    static const Tensor none;
    return tensor != nullptr ? *tensor : none;
  }
  const std::string& missing() const { return missing_; }

  std::size_t size(const std::vector<std::string>& names) const {
    std::size_t floats = 0;
    for (const auto& name : names)
      if (const auto& shape = find(name).shape; shape.size() == 2)
        floats += static_cast<std::size_t>(packed_size(shape[0], shape[1], 32));
    return floats;
  }

  Result<void> allocate(std::size_t floats) {
    auto memory = Memory::allocate(floats, "packing the model's weights");
    if (!memory) return memory.error();
    memory_ = std::move(*memory);
    at_ = memory_.values().data();
    return {};
  }

  PanelMatrix pack(const std::string& name) {
    const Tensor& tensor = find(name);
    const PanelMatrix matrix{at_, tensor.shape[0], tensor.shape[1], 32};
    team_.run([&](Worker& worker) {
      worker.each(matrix.panels(), [&](std::int64_t i) {
        pack_panel(tensor.values, matrix.outputs, matrix.inputs, matrix.width, i, at_ + i * matrix.width * matrix.inputs);
      });
    });
    at_ += packed_size(matrix.outputs, matrix.inputs, matrix.width);
    release_pages(tensor.values);
    return matrix;
  }

  Linear linear(const std::string& name) {
    Linear out{pack(name + ".weight"), {}};
    if (const Tensor* bias = weights_.find(name + ".bias")) out.bias = padded(bias->values, 32);
    return out;
  }

  Memory take() { return std::move(memory_); }

 private:
  const checkpoint::Weights& weights_;
  Team& team_;
  Memory memory_;
  float* at_ = nullptr;
  mutable std::string missing_;
};

constexpr const char* layer_linears[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                         "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

Rows rows_of(std::int64_t rows, std::int64_t width) {
  const std::int64_t stride = row_stride(width);
  return {std::vector<float>(static_cast<std::size_t>(rows * stride)), stride};
}

}  // namespace

Result<std::unique_ptr<Network>> Network::load(const std::filesystem::path& path, Team& team, std::int64_t rows_max,
                                               std::int64_t logits_max, std::int64_t context_max) {
  std::unique_ptr<Network> network(new Network);
  auto& parts = *network->parts_;
  parts.team = &team;
  parts.kernels = &row_kernels();
  parts.rows_max = rows_max;
  parts.logits_max = logits_max;
  parts.context_max = context_max;
  if (auto loaded = parts.load(path); !loaded) return loaded.error();
  return network;
}

Result<void> Network::Parts::load(const std::filesystem::path& path) {
  auto loaded = checkpoint::load_model(path);
  if (!loaded) return loaded.error();
  model = std::move(*loaded);
  const auto& decoder = model.decoder;
  if (decoder.num_kv_heads <= 0 || decoder.num_heads % decoder.num_kv_heads != 0 || decoder.head_dim % 2 != 0)
    return invalid(path.string() + ": serving needs an even head size and heads that are a multiple of the key-value heads",
                   "num_key_value_heads");
  context_max = context_max > 0 ? std::min(context_max, decoder.max_position_embeddings) : decoder.max_position_embeddings;

  const bool tied = model.weights.find("lm_head.weight") == nullptr;
  const std::string head_name = tied ? "model.embed_tokens.weight" : "lm_head.weight";
  std::vector<std::string> names{head_name};
  for (std::int64_t i = 0; i < decoder.num_layers; ++i)
    for (const char* linear : layer_linears) names.push_back("model.layers." + std::to_string(i) + "." + linear + ".weight");
  Packer packer(model.weights, *team);
  const std::size_t floats = packer.size(names);
  for (std::int64_t i = 0; i < decoder.num_layers; ++i)
    for (const char* norm : {".input_layernorm.weight", ".post_attention_layernorm.weight"})
      packer.find("model.layers." + std::to_string(i) + norm);
  final_norm = padded(packer.find("model.norm.weight").values, 16);
  if (!tied) embeddings = packer.find("model.embed_tokens.weight").values.data();
  if (!packer.missing().empty()) return invalid(path.string() + ": tensor \"" + packer.missing() + "\" is missing", packer.missing());
  if (auto allocated = packer.allocate(floats); !allocated) return allocated.error();

  for (std::int64_t i = 0; i < decoder.num_layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    Layer& layer = layers.emplace_back();
    layer.attention_norm = padded(packer.find(prefix + "input_layernorm.weight").values, 16);
    layer.mlp_norm = padded(packer.find(prefix + "post_attention_layernorm.weight").values, 16);
    for (std::size_t j = 0; j < 3; ++j) layer.qkv[j] = packer.linear(prefix + layer_linears[j]);
    layer.o = packer.linear(prefix + layer_linears[3]);
    for (std::size_t j = 0; j < 2; ++j) layer.gate_up[j] = packer.linear(prefix + layer_linears[4 + j]);
    layer.down = packer.linear(prefix + layer_linears[6]);
  }
  head = packer.pack(head_name);
  packed = packer.take();

  frequencies_depend_on_length =
      decoder.rope.kind == checkpoint::Rope::Kind::dynamic || decoder.rope.kind == checkpoint::Rope::Kind::longrope;
  frequencies = kernels::rope_frequencies(decoder.rope, decoder.head_dim, decoder.max_position_embeddings, 1);
  cosine.resize(static_cast<std::size_t>(rows_max * decoder.head_dim / 2));
  sine = cosine;
  const std::int64_t query_width = decoder.num_heads * decoder.head_dim, kv_width = decoder.num_kv_heads * decoder.head_dim;
  x = rows_of(rows_max, decoder.hidden_size);
  normed = rows_of(rows_max, decoder.hidden_size);
  q = rows_of(rows_max, query_width);
  k = rows_of(rows_max, kv_width);
  v = rows_of(rows_max, kv_width);
  attended = rows_of(rows_max, query_width);
  gate = rows_of(rows_max, decoder.intermediate_size);
  up = rows_of(rows_max, decoder.intermediate_size);
  low = rows_of(rows_max, 3 * rank_max);
  head_in = rows_of(logits_max, decoder.hidden_size);
  head_low = rows_of(logits_max, rank_max);
  logits = rows_of(logits_max, decoder.vocab_size);
  const std::int64_t scores = blocks_for(context_max) * block_tokens + 16;
  for (int i = 0; i < team->size(); ++i) {
    auto& own = scratch.emplace_back();
    own.queries.resize(static_cast<std::size_t>(tile_queries * row_stride(decoder.head_dim)));
    own.sums = own.queries;
    own.scores.resize(static_cast<std::size_t>(tile_queries * scores));
  }
  return {};
}

}  // namespace luthier::serve
