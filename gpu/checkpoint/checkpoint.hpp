// Model checkpoints on disk: a Hugging Face directory (config.json, safetensors, sharded or not) or one GGUF file.
// Everything here reads hostile bytes: sizes, offsets and counts are checked before they are used, and an error names
// the file and the tensor or member.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/checkpoint/stored_matrix.hpp"

namespace luthier::checkpoint {

// Row-major f32 values; the memory belongs to the Weights (or Adapter) that the tensor was found in. A matrix that is kept in fewer
// bits has no values, but `stored`.
struct Tensor {
  std::vector<std::int64_t> shape;
  std::span<float> values;
  StoredMatrix stored{};

  std::size_t count() const;
};

// All weights of one model as f32, or its matrices in fewer bits, in one allocation of 64-byte aligned tensors, under their Hugging Face names
// ("model.layers.0.self_attn.q_proj.weight", [out, in]). Tied checkpoints have no "lm_head.weight".
class Weights {
 public:
  using Shapes = std::map<std::string, std::vector<std::int64_t>>;
  // Zeroed memory; fails with out_of_memory, naming the size, rather than letting the kernel kill the process.
  static Result<Weights> allocate(const Shapes& shapes);
  using KindOf = std::function<StoredKind(const std::string& name, const std::vector<std::int64_t>& shape)>;
  static Result<Weights> allocate(const Shapes& shapes, const KindOf& kind_of);

  // Tensors of one group lie where those of every other group lie, for what is needed group by group; those of group -1 by themselves.
  using GroupOf = std::function<std::int64_t(const std::string& name)>;
  static Result<Weights> allocate_by_turns(const Shapes& shapes, const GroupOf& group_of);
  static std::size_t floats_by_turns(const Shapes& shapes, const GroupOf& group_of);  // what that allocates

  // read(name, tensor) writes the values of each tensor in turn as f32; what is kept in fewer bits is then encoded. Of what is
  // copied (is_copied) it writes the codes and scales itself.
  using Read = std::function<Result<void>(const std::string& name, const Tensor& into)>;
  Result<void> fill(const Read& read);

  const Tensor* find(const std::string& name) const;  // nullptr: no such tensor
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  std::size_t bytes() const;

 private:
  std::shared_ptr<float[]> memory_;
  std::size_t length_ = 0;
  std::map<std::string, Tensor> tensors_;
};

// The names and shapes that a decoder must have, from its description alone.
Weights::Shapes weight_shapes(const Decoder& decoder);
Weights::Shapes layer_shapes(const Decoder& decoder, std::int64_t layer);  // of one layer alone

struct Model {
  Decoder decoder;
  Weights weights;
};

// `path` is a directory or a .gguf file, or a directory that holds one (see locate.hpp). Reads the description only: no weight is
// touched, but every tensor that the decoder needs must be listed with its right shape, and the bytes that the header claims must
// be there.
Result<Decoder> read_decoder(const std::filesystem::path& path);

// Reads and dequantises all weights to f32, or tensor by tensor to what `storage` says; only weights kept as f32 can be trained, merged
// or saved. GGUF's q_proj and k_proj rows are put back into Hugging Face's order.
// `memory_limit_bytes` 0: what the machine has free; a model that does not fit is refused before any is read.
Result<Model> load_model(const std::filesystem::path& path, std::size_t memory_limit_bytes = 0, BaseStorage storage = BaseStorage::f32);

// What load_model allocates for good, and what it needs beside that while it reads: the largest matrix as f32, where it is kept in
// fewer bits.
struct WeightBytes {
  std::size_t kept = 0, loading = 0;
};
WeightBytes weight_bytes(const Decoder& decoder, BaseStorage storage);

// Writes config.json, generation_config.json and model.safetensors (shards of at most `shard_bytes_max` with an index when it
// is larger). The tokenizer's files are gpu/text's. Files are synced, so that a caller may publish them.
Result<void> save_model(const std::filesystem::path& directory, const Decoder& decoder, const Weights& weights,
                        std::size_t shard_bytes_max = std::size_t{4} << 30, StoreAs as = StoreAs::f32);

// What a person and the platform want to know of a checkpoint; see ../shared field names of the model spec.
std::int64_t count_parameters(const Decoder& decoder);

}  // namespace luthier::checkpoint
