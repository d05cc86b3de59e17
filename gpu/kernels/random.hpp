// Random numbers by counter: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
// A value is a function of (seed, stream, index) alone, so nothing has to be saved to go on after a restart, and threads
// may draw in any order.
#pragma once

#include <array>
#include <cstdint>

namespace luthier::kernels {

// Four independent 32-bit values.
std::array<std::uint32_t, 4> random_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

// values[i] uniform in [low, high): 24 bits of value i of the stream.
void fill_uniform(std::int64_t count, std::uint64_t seed, std::uint64_t stream, float low, float high, float* values);

// y[i] = x[i] / (1 - rate) or 0 with probability `rate`, decided by value i of the stream. y may be x. The gradient of a
// dropout is the same call on the gradient.
void dropout(std::int64_t count, double rate, std::uint64_t seed, std::uint64_t stream, const float* x, float* y);

}  // namespace luthier::kernels
