#include "gpu/kernels/random.hpp"

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::kernels {
namespace {

LUTHIER_INLINE void philox(std::uint32_t key0, std::uint32_t key1, std::uint32_t (&counter)[4]) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    const std::uint32_t next0 = static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0;
    const std::uint32_t next2 = static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1;
    counter[1] = static_cast<std::uint32_t>(product1);
    counter[3] = static_cast<std::uint32_t>(product0);
    counter[0] = next0;
    counter[2] = next2;
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
}

LUTHIER_INLINE void block_at(std::uint64_t seed, std::uint64_t stream, std::uint64_t index, std::uint32_t (&out)[4]) {
  out[0] = static_cast<std::uint32_t>(index);
  out[1] = static_cast<std::uint32_t>(index >> 32);
  out[2] = static_cast<std::uint32_t>(stream);
  out[3] = static_cast<std::uint32_t>(stream >> 32);
  philox(static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), out);
}

}  // namespace

std::array<std::uint32_t, 4> random_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  std::uint32_t out[4];
  block_at(seed, stream, index, out);
  return {out[0], out[1], out[2], out[3]};
}

void fill_uniform(std::int64_t count, std::uint64_t seed, std::uint64_t stream, float low, float high, float* values) {
#pragma omp parallel for schedule(static) if (count > 4096)
  for (std::int64_t begin = 0; begin < count; begin += 4) {
    std::uint32_t words[4];
    block_at(seed, stream, static_cast<std::uint64_t>(begin / 4), words);
    for (std::int64_t i = 0; i < 4 && begin + i < count; ++i)
      values[begin + i] = low + (high - low) * (static_cast<float>(words[i] >> 8) * 0x1p-24f);
  }
}

void dropout(std::int64_t count, double rate, std::uint64_t seed, std::uint64_t stream, const float* x, float* y) {
  const Timed timed("dropout");
  const auto limit = static_cast<std::uint64_t>(rate * 4294967296.0);  // dropped when the word is below it
  const float scale = rate < 1.0 ? static_cast<float>(1.0 / (1.0 - rate)) : 0.0f;
#pragma omp parallel for schedule(static) if (count > 4096)
  for (std::int64_t begin = 0; begin < count; begin += 4) {
    std::uint32_t words[4];
    block_at(seed, stream, static_cast<std::uint64_t>(begin / 4), words);
    for (std::int64_t i = 0; i < 4 && begin + i < count; ++i)
      y[begin + i] = words[i] < limit ? 0.0f : x[begin + i] * scale;
  }
}

}  // namespace luthier::kernels
