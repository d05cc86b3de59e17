#include "gpu/model/stored_linear.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "gpu/checkpoint/mxfp4.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/model/stored_blocks.hpp"

namespace luthier::model {
namespace {

using checkpoint::StoredKind;
using kernels::Bfloat16;
using kernels::Transpose;

constexpr std::int64_t room_floats = std::int64_t{1} << 21;  // 8 MiB: measured, fewer and larger products are faster than rooms that fit into a cache

// A byte has two values: looked up together.
using Pairs = std::array<std::array<float, 2>, 256>;

Pairs pairs_of(const std::array<float, 16>& values, bool high_first) {
  Pairs pairs;
  for (std::size_t byte = 0; byte < pairs.size(); ++byte) {
    pairs[byte] = {values[byte & 15], values[byte >> 4]};
    if (high_first) std::swap(pairs[byte][0], pairs[byte][1]);
  }
  return pairs;
}

const Pairs nf4_pairs = pairs_of(checkpoint::nf4_levels, true), fp4_pairs = pairs_of(checkpoint::fp4_values, false);

LUTHIER_CLONES void widen_bf16(std::int64_t count, const std::byte* codes, float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, codes + 2 * i, sizeof bits);
    out[i] = std::bit_cast<float>(std::uint32_t{bits} << 16);
  }
}

LUTHIER_CLONES void widen_int8(std::int64_t blocks, const std::byte* codes, const std::byte* scales, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) {
    float scale;
    std::memcpy(&scale, scales + b * 4, sizeof scale);
    const auto* in = reinterpret_cast<const std::int8_t*>(codes) + b * 64;
#pragma omp simd
    for (int i = 0; i < 64; ++i) out[b * 64 + i] = scale * static_cast<float>(in[i]);
  }
}

LUTHIER_CLONES void widen_pairs(const Pairs& pairs, std::int64_t bytes, const std::byte* codes, float scale, float* out) {
  for (std::int64_t i = 0; i < bytes; ++i) std::memcpy(out + 2 * i, pairs[std::to_integer<std::size_t>(codes[i])].data(), 2 * sizeof(float));
#pragma omp simd
  for (std::int64_t i = 0; i < 2 * bytes; ++i) out[i] *= scale;
}

void widen_nf4(std::int64_t blocks, const std::byte* codes, const std::byte* scales, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) {
    float scale;
    std::memcpy(&scale, scales + b * 4, sizeof scale);
    widen_pairs(nf4_pairs, 32, codes + b * 32, scale, out + b * 64);
  }
}

void widen_mxfp4(std::int64_t blocks, const std::byte* codes, const std::byte* scales, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b)
    widen_pairs(fp4_pairs, 16, codes + b * 16, checkpoint::mxfp4_scale(std::to_integer<unsigned>(scales[b])), out + b * 32);
}

// Whole blocks, from the tensor's block of that number on.
void widen(StoredKind kind, const StoredMatrix& m, std::int64_t block, std::int64_t blocks, float* out) {
  switch (kind) {
    case StoredKind::bf16: return widen_bf16(blocks, m.codes + 2 * block, out);
    case StoredKind::int8: return widen_int8(blocks, m.codes + 64 * block, m.scales + 4 * block, out);
    case StoredKind::nf4: return widen_nf4(blocks, m.codes + 32 * block, m.scales + 4 * block, out);
    case StoredKind::mxfp4: return widen_mxfp4(blocks, m.codes + 16 * block, m.scales + block, out);
    case StoredKind::f32: break;
    case StoredKind::f16: return widen_f16(blocks, m.codes + 2 * block, out);
    case StoredKind::q4_0: case StoredKind::q4_1: case StoredKind::q5_0: case StoredKind::q5_1: case StoredKind::q8_0:
    case StoredKind::q4_k: case StoredKind::q5_k: case StoredKind::q6_k: return widen_ggml(m.kind, m.codes, block, blocks, out);
  }
}

// One thread's part. The ends of a range may lie within blocks.
void decode_part(const StoredMatrix& m, std::int64_t first, std::span<float> out) {
  const std::int64_t size = checkpoint::block_values(m.kind), begin = m.first + first, count = static_cast<std::int64_t>(out.size());
  const std::int64_t head = std::min(count, (size - begin % size) % size), blocks = (count - head) / size;
  checkpoint::decode_plain(m, first, out.first(static_cast<std::size_t>(head)));
  widen(m.kind, m, (begin + head) / size, blocks, out.data() + head);
  const std::int64_t done = head + blocks * size;
  checkpoint::decode_plain(m, first + done, out.subspan(static_cast<std::size_t>(done)));
}

// Through f32, a little at a time.
void decode_part(const StoredMatrix& m, std::int64_t first, std::span<Bfloat16> out) {
  constexpr std::size_t at_once = 2048;
  float wide[at_once];
  for (std::size_t begin = 0; begin < out.size(); begin += at_once) {
    const std::size_t count = std::min(at_once, out.size() - begin);
    decode_part(m, first + static_cast<std::int64_t>(begin), std::span<float>(wide, count));
    kernels::narrow(1, static_cast<std::int64_t>(count), 1, wide, static_cast<std::int64_t>(count), out.data() + begin, static_cast<std::int64_t>(count));
  }
}

template <class Value>
void decode_in_parts(const StoredMatrix& matrix, std::int64_t first, std::span<Value> out) {
  const kernels::Timed timed("stored weights");
  constexpr std::int64_t part = 16384;
  const std::int64_t count = static_cast<std::int64_t>(out.size());
#pragma omp parallel for schedule(static) if (count > part)
  for (std::int64_t begin = 0; begin < count; begin += part)
    decode_part(matrix, first + begin, out.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(part, count - begin))));
}

// Rows of [rows, width] as an operand of the other's kind: visit(first row, rows, their values).
template <class Visit>
void for_each_rows(const StoredMatrix& weight, bool bfloat16, std::int64_t rows, std::int64_t width, float* room, Visit visit) {
  if (bfloat16 && weight.kind == StoredKind::bf16) return visit(std::int64_t{0}, rows, Operand{.narrow = bfloat16_values(weight), .ld = width});
  const std::int64_t at_once = stored_room(rows, width) / width;
  for (std::int64_t first = 0; first < rows; first += at_once) {
    const std::int64_t count = std::min(at_once, rows - first);
    const auto values = static_cast<std::size_t>(count * width);
    auto* const narrow = reinterpret_cast<Bfloat16*>(room);
    if (bfloat16)
      decode(weight, first * width, std::span<Bfloat16>(narrow, values));
    else
      decode(weight, first * width, std::span<float>(room, values));
    visit(first, count, bfloat16 ? Operand{.narrow = narrow, .ld = width} : Operand{.wide = room, .ld = width});
  }
}

}  // namespace

std::int64_t stored_room(std::int64_t rows, std::int64_t width) {
  return std::min(rows, std::max(std::int64_t{1}, room_floats / std::max(width, std::int64_t{1}))) * width;
}

void decode(const StoredMatrix& matrix, std::int64_t first, std::span<float> out) { decode_in_parts(matrix, first, out); }
void decode(const StoredMatrix& matrix, std::int64_t first, std::span<Bfloat16> out) { decode_in_parts(matrix, first, out); }

const Bfloat16* bfloat16_values(const StoredMatrix& matrix) { return reinterpret_cast<const Bfloat16*>(matrix.codes) + matrix.first; }

void stored_forward(const StoredLinear& l, std::int64_t rows, const Operand& x, float beta, float* y, std::int64_t ldy, float* room) {
  if (l.turned)
    return for_each_rows(l.weight, x.narrow, l.in, l.out, room, [&](std::int64_t first, std::int64_t count, const Operand& weight) {
      multiply(Transpose::no, Transpose::no, rows, l.out, count, x.from(first), weight, first == 0 ? beta : 1, y, ldy);
    });
  for_each_rows(l.weight, x.narrow, l.out, l.in, room, [&](std::int64_t first, std::int64_t count, const Operand& weight) {
    multiply(Transpose::no, Transpose::yes, rows, count, l.in, x, weight, beta, y + first, ldy);
  });
}

void stored_backward(const StoredLinear& l, std::int64_t rows, const Operand& dy, float beta, float* dx, std::int64_t ldx, float* room) {
  if (l.turned)
    return for_each_rows(l.weight, dy.narrow, l.in, l.out, room, [&](std::int64_t first, std::int64_t count, const Operand& weight) {
      multiply(Transpose::no, Transpose::yes, rows, count, l.out, dy, weight, beta, dx + first, ldx);
    });
  for_each_rows(l.weight, dy.narrow, l.out, l.in, room, [&](std::int64_t first, std::int64_t count, const Operand& weight) {
    multiply(Transpose::no, Transpose::no, rows, l.in, count, dy.from(first), weight, first == 0 ? beta : 1, dx, ldx);
  });
}

void gather_stored_rows(const StoredMatrix& table, std::int64_t rows, std::int64_t width, const std::int32_t* ids, float* out) {
  const kernels::Timed timed("embedding");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r)
    decode_part(table, static_cast<std::int64_t>(ids[r]) * width, {out + r * width, static_cast<std::size_t>(width)});
}

}  // namespace luthier::model
