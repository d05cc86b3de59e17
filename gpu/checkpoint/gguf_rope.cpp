#include "gpu/checkpoint/gguf_rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

Error refused(const GgufFile& file, const std::string& what, const std::string& why) {
  return invalid(file.path().string() + ": " + what + ": " + why, what);
}

// What a frequency is divided by under Llama 3's scaling: https://arxiv.org/abs/2407.21783 and the models' config.json.
double llama3_divisor(const Rope& rope, double frequency) {
  const double turns = static_cast<double>(rope.original_max_position_embeddings) * frequency / (2 * std::numbers::pi);
  if (turns > rope.high_freq_factor) return 1;
  if (turns < rope.low_freq_factor) return rope.factor;
  const double smooth = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return 1 / ((1 - smooth) / rope.factor + smooth);
}

bool fits(const Rope& rope, std::span<const float> divisors) {
  const auto dimensions = 2.0 * static_cast<double>(divisors.size());
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const double wanted = llama3_divisor(rope, std::pow(rope.theta, -2.0 * static_cast<double>(i) / dimensions));
    if (!(std::abs(divisors[i] - wanted) <= 1e-3 * wanted)) return false;
  }
  return true;
}

// GGUF stores the divisors that result, not the parameters. The factor is the largest of them; the other parameters are
// the same in every Llama 3 that was published, except for the length it was first trained with.
Result<Rope> read_divisors(const GgufFile& file, Rope rope, std::int64_t head_dim) {
  const std::string name = "rope_freqs.weight";
  const auto& tensor = file.tensors().at(name);
  if (tensor.shape != std::vector<std::int64_t>{head_dim / 2})
    return refused(file, "tensor " + name, "has shape " + shape_text(tensor.shape) + ", not [" + std::to_string(head_dim / 2) + "]");
  std::vector<float> divisors(static_cast<std::size_t>(head_dim / 2));
  if (auto read = dequantise(tensor, divisors); !read) return read.error();
  rope.kind = Rope::Kind::llama3;
  rope.factor = *std::max_element(divisors.begin(), divisors.end());
  rope.low_freq_factor = 1;
  rope.high_freq_factor = 4;
  if (!std::isfinite(rope.factor) || rope.factor < 1)
    return refused(file, "tensor " + name, "does not hold factors of at least 1");
  for (std::int64_t length = 64; length <= (1 << 20); length *= 2) {
    rope.original_max_position_embeddings = length;
    if (fits(rope, divisors)) return rope;
  }
  return refused(file, "tensor " + name, "is not Llama 3's scaling of positions, the only one that is supported as a tensor");
}

}  // namespace

Result<Rope> read_gguf_rope(const GgufFile& file, const std::string& family_prefix, std::int64_t head_dim) {
  Rope rope;
  const std::string prefix = family_prefix + "rope.";
  if (file.has(prefix + "freq_base")) {
    const auto theta = file.number(prefix + "freq_base");
    if (!theta) return theta.error();
    if (!std::isfinite(*theta) || *theta <= 0) return refused(file, prefix + "freq_base", "is not a positive number");
    rope.theta = *theta;
  }
  if (file.has(prefix + "dimension_count")) {
    const auto dimensions = file.integer(prefix + "dimension_count");
    if (!dimensions) return dimensions.error();
    if (*dimensions != head_dim)
      return refused(file, prefix + "dimension_count",
                     std::to_string(*dimensions) + " is not the size of a head, " + std::to_string(head_dim));
  }
  std::string kind = "none";
  if (file.has(prefix + "scaling.type")) {
    const auto named = file.text(prefix + "scaling.type");
    if (!named) return named.error();
    kind = *named;
  }
  const bool has_divisors = file.tensors().contains("rope_freqs.weight");
  if (kind == "none") return has_divisors ? read_divisors(file, rope, head_dim) : Result<Rope>(rope);
  if (kind != "linear" || has_divisors)
    return refused(file, prefix + "scaling.type", printable(kind) + (has_divisors ? " together with rope_freqs.weight" : "") +
                                                      " is not supported; none and linear are");
  const auto factor = file.number(prefix + "scaling.factor");
  if (!factor) return factor.error();
  if (!std::isfinite(*factor) || *factor < 1) return refused(file, prefix + "scaling.factor", "is not a number from 1");
  rope.kind = Rope::Kind::linear;
  rope.factor = *factor;
  return rope;
}

}  // namespace luthier::checkpoint
