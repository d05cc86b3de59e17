#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {

std::int64_t read_window(Members& config, std::int64_t otherwise) {
  const std::string key = "sliding_window";
  if (!config.has(key)) return config.is_null(key) ? 0 : otherwise;
  return config.integer(key, 1, position_max);
}

void slide_layers(Members& config, Decoder& d, std::int64_t window, Slides* slides, std::int64_t number) {
  const auto types = config.texts("layer_types");
  if (!types.empty() && types.size() != d.layers.size())
    return config.refuse("layer_types", "has " + std::to_string(types.size()) + " entries for " + std::to_string(d.num_layers) + " layers");
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    const auto index = static_cast<std::size_t>(i);
    if (!types.empty() && types[index] != "sliding_attention" && types[index] != "full_attention")
      return config.refuse("layer_types", printable(types[index]) + " is not supported; full_attention and sliding_attention are");
    const bool is_sliding = types.empty() ? slides(d, i, number) : types[index] == "sliding_attention";
    if (!is_sliding) continue;
    if (window == 0 && !types.empty()) return config.refuse("layer_types", "has sliding_attention, and no sliding_window is given or used");
    d.layers[index].window = window;
  }
}

}  // namespace luthier::checkpoint
