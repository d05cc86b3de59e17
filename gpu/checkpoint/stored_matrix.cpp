#include "gpu/checkpoint/stored_matrix.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "gpu/checkpoint/half.hpp"
#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/checkpoint/k_quants.hpp"
#include "gpu/checkpoint/mxfp4.hpp"
#include "gpu/checkpoint/quantisation.hpp"

namespace luthier::checkpoint {
namespace {

// In blocks of 64 that share a scale.
template <class EncodeBlock>
void encode_blocks(std::span<const float> values, std::byte* scales, EncodeBlock encode_block) {
  constexpr std::size_t size = 64;
  for (std::size_t block = 0; block * size < values.size(); ++block) {
    const auto part = values.subspan(block * size, std::min(size, values.size() - block * size));
    float largest = 0;
    for (const float value : part) largest = std::max(largest, std::abs(value));
    const float scale = encode_block(block * size, part, largest);
    std::memcpy(scales + block * sizeof scale, &scale, sizeof scale);
  }
}

template <class Round>
void encode_halves(std::span<const float> values, std::byte* codes, Round round) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = round(values[i]);
    std::memcpy(codes + i * sizeof bits, &bits, sizeof bits);
  }
}

void encode_int8(std::span<const float> values, std::byte* codes, std::byte* scales) {
  encode_blocks(values, scales, [&](std::size_t at, std::span<const float> part, float largest) {
    const float scale = largest / 127;
    for (std::size_t i = 0; i < part.size(); ++i)
      codes[at + i] = static_cast<std::byte>(static_cast<std::int8_t>(scale > 0 ? std::clamp(std::nearbyint(part[i] / scale), -127.0f, 127.0f) : 0.0f));
    return scale;
  });
}

std::array<float, 15> middles() {
  std::array<float, 15> middle;
  for (std::size_t i = 0; i < middle.size(); ++i) middle[i] = (nf4_levels[i] + nf4_levels[i + 1]) / 2;
  return middle;
}

void encode_nf4(std::span<const float> values, std::byte* codes, std::byte* scales) {
  static const std::array<float, 15> middle = middles();
  encode_blocks(values, scales, [&](std::size_t at, std::span<const float> part, float largest) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const float level = largest > 0 ? part[i] / largest : 0.0f;
      unsigned code = 0;
      for (const float m : middle) code += level > m;
      std::byte& pair = codes[(at + i) / 2];  // a byte's first value sets it, its second one is added
      pair = (at + i) % 2 == 0 ? static_cast<std::byte>(code << 4) : pair | static_cast<std::byte>(code);
    }
    return largest;
  });
}

float value_of(const StoredMatrix& m, std::size_t i) {
  const auto scale = [&] {
    float value;
    std::memcpy(&value, m.scales + i / 64 * sizeof value, sizeof value);
    return value;
  };
  const auto bits = [&] {
    std::uint16_t value;
    std::memcpy(&value, m.codes + i * sizeof value, sizeof value);
    return value;
  };
  const auto half = [&](bool high) { return std::to_integer<unsigned>(m.codes[i / 2]) >> (high ? 4 : 0) & 15; };
  switch (m.kind) {
    case StoredKind::bf16: return f32_of_bf16(bits());
    case StoredKind::int8: return scale() * static_cast<float>(static_cast<std::int8_t>(m.codes[i]));
    case StoredKind::nf4: return scale() * nf4_levels[half(i % 2 == 0)];
    case StoredKind::mxfp4: return fp4_values[half(i % 2 != 0)] * mxfp4_scale(std::to_integer<unsigned>(m.scales[i / 32]));
    case StoredKind::f16: return f32_of_f16(bits());
    case StoredKind::f32: case StoredKind::q4_0: case StoredKind::q4_1: case StoredKind::q5_0: case StoredKind::q5_1:
    case StoredKind::q8_0: case StoredKind::q4_k: case StoredKind::q5_k: case StoredKind::q6_k: break;
  }
  assert(false);
  return 0;
}

// Of a format whose blocks have their scales within.
using WidenBlock = void (*)(const std::byte* block, float* out);
WidenBlock widen_of(StoredKind kind) {
  switch (kind) {
    case StoredKind::q4_0: return widen_q4_0;
    case StoredKind::q4_1: return widen_q4_1;
    case StoredKind::q5_0: return widen_q5_0;
    case StoredKind::q5_1: return widen_q5_1;
    case StoredKind::q8_0: return widen_q8_0;
    case StoredKind::q4_k: return widen_q4_k;
    case StoredKind::q5_k: return widen_q5_k;
    case StoredKind::q6_k: return widen_q6_k;
    case StoredKind::f32: case StoredKind::bf16: case StoredKind::int8: case StoredKind::nf4: case StoredKind::mxfp4:
    case StoredKind::f16: break;
  }
  return nullptr;
}

void decode_blocks(const StoredMatrix& m, WidenBlock widen, std::size_t first, std::span<float> out) {
  const auto* format = find_format(m.kind);
  const auto size = static_cast<std::size_t>(format->values_per_block);
  float values[k_block_values];
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t block = (first + done) / size, at = (first + done) % size, count = std::min(size - at, out.size() - done);
    widen(m.codes + block * format->bytes_per_block, values);
    std::copy_n(values + at, count, out.begin() + static_cast<std::ptrdiff_t>(done));
    done += count;
  }
}

bool is_outer(const Decoder& decoder, const std::string& name) {
  const auto outer = outer_tensors(decoder);
  return name == outer.embedding || name == outer.head;
}

bool is_router(const Decoder& decoder, const std::string& name) {
  return decoder.experts.stacked ? name.ends_with(".mlp.router.weight") : name.ends_with(".mlp.gate.weight");
}

bool stays_f32(const Decoder& decoder, const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto outer = outer_tensors(decoder);
  return shape.size() < 2 || name.ends_with("bias") || is_router(decoder, name) || name == outer.positions || name == outer.types;
}

StoredKind as_in_checkpoint(const Decoder& decoder, const std::string& name) {
  const auto found = decoder.stored.of.find(name);
  return found == decoder.stored.of.end() ? StoredKind::f32 : found->second;
}

}  // namespace

std::int64_t block_values(StoredKind kind) {
  switch (kind) {
    case StoredKind::int8: case StoredKind::nf4: return 64;
    case StoredKind::mxfp4: case StoredKind::q4_0: case StoredKind::q4_1: case StoredKind::q5_0: case StoredKind::q5_1:
    case StoredKind::q8_0: case StoredKind::q4_k: case StoredKind::q5_k: case StoredKind::q6_k:
      return find_format(kind)->values_per_block;
    case StoredKind::f32: case StoredKind::bf16: case StoredKind::f16: break;
  }
  return 1;
}

bool is_copied(StoredKind kind) { return kind == StoredKind::mxfp4 || widen_of(kind); }

std::size_t bytes_of_codes(StoredKind kind, std::size_t values) {
  switch (kind) {
    case StoredKind::f32: return 4 * values;
    case StoredKind::bf16: case StoredKind::f16: return 2 * values;
    case StoredKind::int8: return values;
    case StoredKind::nf4: case StoredKind::mxfp4: return (values + 1) / 2;
    case StoredKind::q4_0: case StoredKind::q4_1: case StoredKind::q5_0: case StoredKind::q5_1:
    case StoredKind::q8_0: case StoredKind::q4_k: case StoredKind::q5_k: case StoredKind::q6_k: break;
  }
  const auto* format = find_format(kind);
  const auto size = static_cast<std::size_t>(format->values_per_block);
  return (values + size - 1) / size * format->bytes_per_block;
}

std::size_t bytes_of_scales(StoredKind kind, std::size_t values) {
  switch (kind) {
    case StoredKind::int8: case StoredKind::nf4: return (values + 63) / 64 * sizeof(float);
    case StoredKind::mxfp4: return (values + 31) / 32;
    case StoredKind::f32: case StoredKind::bf16: case StoredKind::f16:
    case StoredKind::q4_0: case StoredKind::q4_1: case StoredKind::q5_0: case StoredKind::q5_1:
    case StoredKind::q8_0: case StoredKind::q4_k: case StoredKind::q5_k: case StoredKind::q6_k: break;
  }
  return 0;
}

void encode(StoredKind kind, std::span<const float> values, std::byte* codes, std::byte* scales) {
  switch (kind) {
    case StoredKind::bf16: return encode_halves(values, codes, bf16_of_f32);
    case StoredKind::f16: return encode_halves(values, codes, f16_of_f32);
    case StoredKind::int8: return encode_int8(values, codes, scales);
    case StoredKind::nf4: return encode_nf4(values, codes, scales);
    case StoredKind::f32: case StoredKind::mxfp4:
    case StoredKind::q4_0: case StoredKind::q4_1: case StoredKind::q5_0: case StoredKind::q5_1:
    case StoredKind::q8_0: case StoredKind::q4_k: case StoredKind::q5_k: case StoredKind::q6_k: break;
  }
  assert(false);
}

void decode_plain(const StoredMatrix& matrix, std::int64_t first, std::span<float> out) {
  if (const auto widen = widen_of(matrix.kind)) return decode_blocks(matrix, widen, static_cast<std::size_t>(matrix.first + first), out);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = value_of(matrix, static_cast<std::size_t>(matrix.first + first) + i);
}

std::optional<BaseStorage> base_storage_of(std::string_view name) {
  const auto found = std::find(base_storage_names.begin(), base_storage_names.end(), name);
  if (found == base_storage_names.end()) return {};
  return static_cast<BaseStorage>(found - base_storage_names.begin());
}

std::string to_string(BaseStorage storage) { return std::string(base_storage_names[static_cast<std::size_t>(storage)]); }

StoredKind stored_kind(const Decoder& decoder, BaseStorage storage, const std::string& name, const std::vector<std::int64_t>& shape) {
  if (storage == BaseStorage::f32 || stays_f32(decoder, name, shape)) return StoredKind::f32;
  switch (storage) {
    case BaseStorage::f32: break;
    case BaseStorage::bf16: return StoredKind::bf16;
    case BaseStorage::int8: return StoredKind::int8;
    case BaseStorage::nf4: return is_outer(decoder, name) ? StoredKind::bf16 : StoredKind::nf4;
    case BaseStorage::as_stored: return as_in_checkpoint(decoder, name);
  }
  return StoredKind::f32;
}

}  // namespace luthier::checkpoint
