#include "gpu/checkpoint/quantisation.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "gpu/checkpoint/gguf.hpp"
#include "gpu/checkpoint/half.hpp"
#include "gpu/checkpoint/k_quants.hpp"

namespace luthier::checkpoint {
namespace {

enum Type : std::uint32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q4_k = 12, q5_k = 13, q6_k = 14, bf16 = 30, mxfp4 = 39
};

constexpr std::array<GgmlFormat, 12> formats{{
    {f32, "F32", 1, 4, StoredKind::f32},
    {f16, "F16", 1, 2, StoredKind::f16},
    {bf16, "BF16", 1, 2, StoredKind::bf16},
    {q4_0, "Q4_0", small_block_values, q4_0_bytes, StoredKind::q4_0},
    {q4_1, "Q4_1", small_block_values, q4_1_bytes, StoredKind::q4_1},
    {q5_0, "Q5_0", small_block_values, q5_0_bytes, StoredKind::q5_0},
    {q5_1, "Q5_1", small_block_values, q5_1_bytes, StoredKind::q5_1},
    {q8_0, "Q8_0", small_block_values, q8_0_bytes, StoredKind::q8_0},
    {q4_k, "Q4_K", k_block_values, q4_k_bytes, StoredKind::q4_k},
    {q5_k, "Q5_K", k_block_values, q5_k_bytes, StoredKind::q5_k},
    {q6_k, "Q6_K", k_block_values, q6_k_bytes, StoredKind::q6_k},
    {mxfp4, "MXFP4", small_block_values, mxfp4_bytes, StoredKind::mxfp4},
}};

std::uint16_t load_u16(const std::byte* at) {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

const GgmlFormat* find_format(std::uint32_t type) {
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& each) { return each.type == type; });
  return found == formats.end() ? nullptr : &*found;
}

const GgmlFormat* find_format(StoredKind kind) {
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& each) { return each.kind == kind; });
  return found == formats.end() ? nullptr : &*found;
}

std::string ggml_format_names() {
  std::string names;
  for (const auto& format : formats) names += (names.empty() ? "" : &format == &formats.back() ? " and " : ", ") + std::string(format.name);
  return names;
}

std::string ggml_type_name(std::uint32_t type) {
  // Numbers 4, 5 and 31 to 38 were given to formats that ggml has removed.
  static constexpr std::array<std::string_view, 40> names{
      "F32",  "F16",     "Q4_0",   "Q4_1",    "Q4_2",  "Q4_3",   "Q5_0",  "Q5_1",  "Q8_0",     "Q8_1",
      "Q2_K", "Q3_K",    "Q4_K",   "Q5_K",    "Q6_K",  "Q8_K",   "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
      "IQ4_NL", "IQ3_S", "IQ2_S",  "IQ4_XS",  "I8",    "I16",    "I32",   "I64",   "F64",      "IQ1_M",
      "BF16", "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "TQ1_0", "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4"};
  return type < names.size() ? std::string(names[type]) : "type " + std::to_string(type);
}

Result<void> dequantise(const GgufTensor& tensor, std::span<float> out) {
  const auto* format = find_format(tensor.type);
  if (!format) return invalid("a tensor stored as " + ggml_type_name(tensor.type) + " is not supported");
  const auto blocks = tensor.bytes.size() / format->bytes_per_block;
  assert(out.size() == blocks * static_cast<std::size_t>(format->values_per_block));
  const std::byte* in = tensor.bytes.data();
  const auto widen_all = [&](auto widen) {
    for (std::size_t i = 0; i < blocks; ++i)
      widen(in + format->bytes_per_block * i, out.data() + static_cast<std::size_t>(format->values_per_block) * i);
  };
  switch (static_cast<Type>(tensor.type)) {
    case f32:
      if (blocks > 0) std::memcpy(out.data(), in, tensor.bytes.size());
      break;
    case f16:
      for (std::size_t i = 0; i < blocks; ++i) out[i] = f32_of_f16(load_u16(in + 2 * i));
      break;
    case bf16:
      for (std::size_t i = 0; i < blocks; ++i) out[i] = f32_of_bf16(load_u16(in + 2 * i));
      break;
    case q4_0: widen_all(widen_q4_0); break;
    case q4_1: widen_all(widen_q4_1); break;
    case q5_0: widen_all(widen_q5_0); break;
    case q5_1: widen_all(widen_q5_1); break;
    case q8_0: widen_all(widen_q8_0); break;
    case q4_k: widen_all(widen_q4_k); break;
    case q5_k: widen_all(widen_q5_k); break;
    case q6_k: widen_all(widen_q6_k); break;
    case mxfp4: widen_all(widen_ggml_mxfp4); break;
  }
  return {};
}

}  // namespace luthier::checkpoint
