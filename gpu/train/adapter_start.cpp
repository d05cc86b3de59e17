#include "gpu/train/adapter_start.hpp"

#include <cmath>

#include "gpu/kernels/random.hpp"

namespace luthier::train {

Result<checkpoint::Adapter> new_adapter(const TrainingConfig& config, const checkpoint::Decoder& decoder) {
  auto adapter = checkpoint::make_adapter(config.lora, decoder);
  if (!adapter) return adapter.error();
  constexpr std::uint64_t first_stream = std::uint64_t{1} << 63;
  for (std::size_t m = 0; m < adapter->modules.size(); ++m) {
    checkpoint::Tensor& a = adapter->modules[m].a;
    const float bound = 1.0f / std::sqrt(static_cast<float>(a.shape[1]));
    kernels::fill_uniform(static_cast<std::int64_t>(a.values.size()), config.seed, first_stream + m, -bound, bound,
                          a.values.data());
  }
  return adapter;
}

Result<checkpoint::Adapter> starting_adapter(const TrainingConfig& config, const std::filesystem::path& directory,
                                             const checkpoint::Decoder& decoder) {
  if (directory.empty()) return new_adapter(config, decoder);
  auto adapter = checkpoint::load_adapter(directory, decoder);
  if (!adapter) return adapter;
  if (config.lora.use_dora && !adapter->config.use_dora)
    return invalid("lora.use_dora: the adapter to start from, " + directory.string() + ", is plain LoRA and stays so; leave use_dora out, or the adapter",
                   "lora.use_dora");
  adapter->config.dropout = config.lora.dropout;
  return adapter;
}

}  // namespace luthier::train
