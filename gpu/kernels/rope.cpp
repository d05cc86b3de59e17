#include "gpu/kernels/rope.hpp"

#include <algorithm>
#include <cmath>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::kernels {
namespace {

using checkpoint::Rope;

// theta^(2j / head_dim), each step rounded to float as transformers rounds it: at position 8,000 the last bit of a
// frequency is visible in the angle.
std::vector<float> powers(double theta, std::int64_t head_dim) {
  std::vector<float> out(static_cast<std::size_t>(head_dim / 2));
  for (std::size_t j = 0; j < out.size(); ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(head_dim);
    out[j] = static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
  }
  return out;
}

// Rounded to float before it is added to something, as in the reference: where the processor multiplies and adds in one step, the compiler
// would do so, but for what is volatile.
float product(float a, float b) {
  const volatile float rounded = a * b;
  return rounded;
}

std::vector<float> inverse_of(std::vector<float> values) {
  for (float& value : values) value = 1.0f / value;
  return values;
}

std::vector<float> linear(const Rope& rope, std::int64_t head_dim) {
  auto inverse = inverse_of(powers(rope.theta, head_dim));
  for (float& value : inverse) value /= static_cast<float>(rope.factor);
  return inverse;
}

// NTK scaling: the base grows once a sequence is longer than the model was trained for.
std::vector<float> dynamic(const Rope& rope, std::int64_t head_dim, std::int64_t trained_length, std::int64_t length) {
  const double longest = static_cast<double>(std::max(length, trained_length));
  const double stretch = rope.factor * longest / static_cast<double>(trained_length) - (rope.factor - 1.0);
  const double dim = static_cast<double>(head_dim);
  return inverse_of(powers(rope.theta * std::pow(stretch, dim / (dim - 2.0)), head_dim));
}

// Llama 3.1: long waves are slowed by `factor`, short ones stay, those between are mixed.
std::vector<float> llama3(const Rope& rope, std::int64_t head_dim) {
  auto inverse = inverse_of(powers(rope.theta, head_dim));
  const double trained = static_cast<double>(rope.original_max_position_embeddings);
  const auto longest = static_cast<float>(trained / rope.low_freq_factor), shortest = static_cast<float>(trained / rope.high_freq_factor);
  const auto factor = static_cast<float>(rope.factor), low = static_cast<float>(rope.low_freq_factor);
  const auto span = static_cast<float>(rope.high_freq_factor - rope.low_freq_factor);
  for (float& value : inverse) {
    const float wave = static_cast<float>(2.0 * M_PI) / value;
    if (wave < shortest) continue;
    if (wave > longest) {
      value = value / factor;
      continue;
    }
    const float smooth = (static_cast<float>(trained) / wave - low) / span;
    value = (1.0f - smooth) * value / factor + product(smooth, value);
  }
  return inverse;
}

// The dimension whose wave turns `rotations` times within the trained length (arXiv 2309.00071).
double yarn_dimension(double rotations, double dim, double theta, double trained) {
  return dim * std::log(trained / (rotations * 2.0 * M_PI)) / (2.0 * std::log(theta));
}

std::vector<float> yarn(const Rope& rope, std::int64_t head_dim, double trained) {
  const double dim = static_cast<double>(head_dim);
  double low = yarn_dimension(rope.beta_fast, dim, rope.theta, trained);
  double high = yarn_dimension(rope.beta_slow, dim, rope.theta, trained);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1.0);
  if (low == high) high += 0.001;  // a ramp of no width
  auto turns = powers(rope.theta, head_dim);
  for (std::size_t j = 0; j < turns.size(); ++j) {
    const double ramp = std::clamp((static_cast<double>(j) - low) / (high - low), 0.0, 1.0);
    const float extrapolated = 1.0f / turns[j];
    const float interpolated = 1.0f / (static_cast<float>(rope.factor) * turns[j]);
    const float keep = 1.0f - static_cast<float>(ramp);
    turns[j] = product(interpolated, 1.0f - keep) + product(extrapolated, keep);
  }
  return turns;
}

double yarn_scale(double factor, double mscale) { return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; }

double yarn_attention(const Rope& rope) {
  if (rope.attention_factor != 0.0) return rope.attention_factor;
  if (rope.mscale != 0.0 && rope.mscale_all_dim != 0.0)
    return yarn_scale(rope.factor, rope.mscale) / yarn_scale(rope.factor, rope.mscale_all_dim);
  return yarn_scale(rope.factor, 1.0);
}

std::vector<float> longrope(const Rope& rope, std::int64_t head_dim, bool is_long) {
  auto turns = powers(rope.theta, head_dim);
  const auto& stretch = is_long ? rope.long_factor : rope.short_factor;
  for (std::size_t j = 0; j < turns.size(); ++j) {
    const float by = j < stretch.size() ? static_cast<float>(stretch[j]) : 1.0f;
    turns[j] = 1.0f / (by * turns[j]);
  }
  return turns;
}

double longrope_attention(const Rope& rope, double factor, double trained) {
  if (rope.attention_factor != 0.0) return rope.attention_factor;
  return factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(factor) / std::log(trained));
}

LUTHIER_CLONES void turn_head(std::int64_t half, const float* cosine, const float* sine, float direction, float* x) {
#pragma omp simd
  for (std::int64_t j = 0; j < half; ++j) {
    const float first = x[j], second = x[j + half];
    const float s = sine[j] * direction;
    x[j] = first * cosine[j] - second * s;
    x[j + half] = second * cosine[j] + first * s;
  }
}

void turn(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t rotary_dim, const float* cosine,
          const float* sine, float direction, float* x, std::int64_t ldx) {
  const std::int64_t half = rotary_dim / 2;
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t h = 0; h < heads; ++h)
      turn_head(half, cosine + r * half, sine + r * half, direction, x + r * ldx + h * head_dim);
}

}  // namespace

RopeFrequencies rope_frequencies(const Rope& rope, std::int64_t head_dim, std::int64_t max_position_embeddings,
                                 std::int64_t sequence_length) {
  const std::int64_t trained = rope.original_max_position_embeddings > 0 ? rope.original_max_position_embeddings
                                                                         : max_position_embeddings;
  switch (rope.kind) {
    case Rope::Kind::plain: return {inverse_of(powers(rope.theta, head_dim)), 1.0f};
    case Rope::Kind::linear: return {linear(rope, head_dim), 1.0f};
    case Rope::Kind::dynamic: return {dynamic(rope, head_dim, max_position_embeddings, sequence_length), 1.0f};
    case Rope::Kind::llama3: return {llama3(rope, head_dim), 1.0f};
    case Rope::Kind::yarn:
      return {yarn(rope, head_dim, static_cast<double>(trained)), static_cast<float>(yarn_attention(rope))};
    case Rope::Kind::longrope: {
      const double factor = rope.factor != 1.0 ? rope.factor  // the checkpoint's own; else by how much it was stretched
                                               : static_cast<double>(max_position_embeddings) / static_cast<double>(trained);
      return {longrope(rope, head_dim, sequence_length > trained),
              static_cast<float>(longrope_attention(rope, factor, static_cast<double>(trained)))};
    }
  }
  return {};
}

void rope_table(const RopeFrequencies& frequencies, std::span<const std::int32_t> positions, float* cosine, float* sine) {
  const Timed timed("rope");
  const std::size_t half = frequencies.inverse.size();
  for (std::size_t p = 0; p < positions.size(); ++p)
    for (std::size_t j = 0; j < half; ++j) {
      const float angle = static_cast<float>(positions[p]) * frequencies.inverse[j];
      cosine[p * half + j] = static_cast<float>(std::cos(static_cast<double>(angle))) * frequencies.attention_scale;
      sine[p * half + j] = static_cast<float>(std::sin(static_cast<double>(angle))) * frequencies.attention_scale;
    }
}

void rope_forward(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t rotary_dim, const float* cosine,
                  const float* sine, float* x, std::int64_t ldx) {
  const Timed timed("rope");
  turn(rows, heads, head_dim, rotary_dim, cosine, sine, 1.0f, x, ldx);
}

void rope_backward(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t rotary_dim, const float* cosine,
                   const float* sine, float* dx, std::int64_t lddx) {
  const Timed timed("rope");
  turn(rows, heads, head_dim, rotary_dim, cosine, sine, -1.0f, dx, lddx);
}

}  // namespace luthier::kernels
