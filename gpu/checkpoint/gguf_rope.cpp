#include "gpu/checkpoint/gguf_rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "gpu/checkpoint/limits.hpp"
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
  for (std::int64_t length = 16; length <= (1 << 20); length *= 2) {
    rope.original_max_position_embeddings = length;
    if (fits(rope, divisors)) return rope;
  }
  return refused(file, "tensor " + name, "is not Llama 3's scaling of positions, the only one that is supported as a tensor");
}

Result<std::vector<double>> read_factors(const GgufFile& file, const std::string& name, std::int64_t rotary_dim) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) return refused(file, "tensor " + name, "is missing");
  if (found->second.shape != std::vector<std::int64_t>{rotary_dim / 2})
    return refused(file, "tensor " + name, "has shape " + shape_text(found->second.shape) + ", not [" + std::to_string(rotary_dim / 2) + "]");
  std::vector<float> values(static_cast<std::size_t>(rotary_dim / 2));
  if (auto read = dequantise(found->second, values); !read) return read.error();
  std::vector<double> factors;
  for (const float value : values) {
    if (!(value > 0 && value < 1e12f)) return refused(file, "tensor " + name, "has a factor that is not positive");
    factors.push_back(nearest_short_decimal(value));
  }
  return factors;
}

constexpr const char* original_length = "original_context_length";

// Numbers of rope.scaling.* behind a family's prefix.
class Scaling {
 public:
  Scaling(const GgufFile& file, const std::string& prefix) : file_(file), prefix_(prefix + "scaling.") {}

  bool has(const char* name) const { return file_.has(prefix_ + name); }
  double number(const char* name, double least, double otherwise) {
    if (!has(name)) return otherwise;
    const auto value = file_.number(prefix_ + name);
    if (!value) return keep(value.error()), otherwise;
    if (std::isfinite(*value) && *value >= least && *value < 1e12) return *value;
    return refuse(name, "is not a number from " + std::to_string(static_cast<int>(least))), otherwise;
  }
  double needed(const char* name, double least) {
    if (has(name)) return number(name, least, least);
    return refuse(name, "is missing"), least;
  }
  std::int64_t length(std::int64_t least) {
    const double value = needed(original_length, static_cast<double>(least));
    if (value <= static_cast<double>(position_max) && value == std::floor(value)) return static_cast<std::int64_t>(value);
    return refuse(original_length, "is not a whole number up to " + std::to_string(position_max)), least;
  }
  void refuse(const char* name, const std::string& why) { keep(refused(file_, prefix_ + name, why)); }
  const std::optional<Error>& error() const { return error_; }

 private:
  void keep(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const GgufFile& file_;
  std::string prefix_;
  std::optional<Error> error_;
};

void read_yarn(Scaling& scaling, Rope& rope) {
  rope.factor = scaling.needed("factor", 1);
  rope.original_max_position_embeddings = scaling.length(1);
  rope.beta_fast = scaling.number("yarn_beta_fast", 0, 32);
  rope.beta_slow = scaling.number("yarn_beta_slow", 0, 1);
  // llama.cpp's 1 is "nothing besides the formula", which config.json says by leaving the factor out.
  const double attention = scaling.number("yarn_attn_factor", 0, 1);
  rope.attention_factor = attention == 1 ? 0 : attention;
  for (const auto& [name, usual] : {std::pair{"yarn_ext_factor", 1.0}, {"yarn_log_multiplier", 0.0}, {"attn_factor", 1.0}})
    if (scaling.number(name, 0, usual) != usual) scaling.refuse(name, "other than " + std::to_string(static_cast<int>(usual)) + " is not supported");
}

// What scores are multiplied by is the formula's unless it is not.
void read_longrope(Scaling& scaling, double context_length, Rope& rope) {
  rope.original_max_position_embeddings = scaling.length(2);
  const auto original = static_cast<double>(rope.original_max_position_embeddings);
  rope.factor = context_length / original;
  const double formula = rope.factor > 1 ? std::sqrt(1 + std::log(rope.factor) / std::log(original)) : 1;
  const double given = scaling.number("attn_factor", 0, formula);
  rope.attention_factor = std::abs(given - formula) < 1e-6 * formula ? 0 : given;
}

Result<double> read_theta(const GgufFile& file, const std::string& key, double otherwise) {
  if (!file.has(key)) return otherwise;
  const auto theta = file.number(key);
  if (!theta) return theta.error();
  if (!std::isfinite(*theta) || *theta <= 0) return refused(file, key, "is not a positive number");
  return *theta;
}

Result<void> check_dimensions(const GgufFile& file, const std::string& key, std::int64_t rotary_dim) {
  if (!file.has(key)) return {};
  const auto dimensions = file.integer(key);
  if (!dimensions) return dimensions.error();
  if (*dimensions != rotary_dim)
    return refused(file, key, std::to_string(*dimensions) + " is not the size of a head, " + std::to_string(rotary_dim));
  return {};
}

constexpr const char *divisors_name = "rope_freqs.weight", *long_name = "rope_factors_long.weight", *short_name = "rope_factors_short.weight";

// scaling.type; llama.cpp takes Phi-3's for longrope when the factors are there.
Result<std::string> read_kind(const GgufFile& file, const std::string& key) {
  auto kind = file.has(key) ? file.text(key) : Result<std::string>("none");
  if (!kind) return kind;
  const bool has_factors = file.tensors().contains(long_name) || file.tensors().contains(short_name);
  if (*kind == "none" && has_factors) return std::string("longrope");
  if (*kind != "none" && file.tensors().contains(divisors_name))
    return refused(file, key, printable(*kind) + " together with " + divisors_name + " is not supported");
  if (*kind != "none" && *kind != "linear" && *kind != "yarn" && *kind != "longrope")
    return refused(file, key, printable(*kind) + " is not supported; none, linear, yarn and longrope are");
  if (has_factors && *kind != "longrope") return refused(file, key, printable(*kind) + " together with " + long_name + " is not supported");
  return kind;
}

}  // namespace

Result<Rope> read_gguf_rope(const GgufFile& file, const std::string& family_prefix, std::int64_t rotary_dim) {
  Rope rope;
  const std::string prefix = family_prefix + "rope.";
  const auto theta = read_theta(file, prefix + "freq_base", rope.theta);
  if (!theta) return theta.error();
  rope.theta = *theta;
  if (auto fit = check_dimensions(file, prefix + "dimension_count", rotary_dim); !fit) return fit.error();
  const auto kind = read_kind(file, prefix + "scaling.type");
  if (!kind) return kind.error();
  if (*kind == "none") return file.tensors().contains(divisors_name) ? read_divisors(file, rope, rotary_dim) : Result<Rope>(rope);
  Scaling scaling(file, prefix);
  if (*kind == "linear") {
    rope.kind = Rope::Kind::linear;
    rope.factor = scaling.needed("factor", 1);
  } else if (*kind == "yarn") {
    rope.kind = Rope::Kind::yarn;
    read_yarn(scaling, rope);
  } else {
    rope.kind = Rope::Kind::longrope;
    const auto length = file.number(family_prefix + "context_length");
    if (!length) return length.error();
    read_longrope(scaling, *length, rope);
    for (const auto& [name, into] : {std::pair{long_name, &rope.long_factor}, {short_name, &rope.short_factor}}) {
      auto factors = read_factors(file, name, rotary_dim);
      if (!factors) return factors.error();
      *into = std::move(*factors);
    }
  }
  if (scaling.error()) return *scaling.error();
  return rope;
}

}  // namespace luthier::checkpoint
