#include "actors/node/prepare_dataset_shuffle.hpp"

#include <bit>
#include <numeric>
#include <utility>

namespace luthier::node {

// Makoto Matsumoto and Takuji Nishimura's generator: the recurrence, its tempering and its seeding are fixed by their paper of 1998
// and its revision of 2002.
PythonRandom::PythonRandom(std::uint32_t seed) {
  state_[0] = 19650218u;
  for (std::uint32_t i = 1; i < size; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  // A key of one word: each round adds it, and its index, which is 0.
  std::size_t i = 1;
  const auto step = [&] {
    if (++i < size) return;
    state_[0] = state_[size - 1];
    i = 1;
  };
  for (std::size_t round = 0; round < size; ++round, step()) state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + seed;
  for (std::size_t round = 1; round < size; ++round, step())
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) - static_cast<std::uint32_t>(i);
  state_[0] = 0x80000000u;
}

void PythonRandom::refill() {
  constexpr std::size_t shift = 397;
  for (std::size_t k = 0; k < size; ++k) {
    const std::uint32_t joined = (state_[k] & 0x80000000u) | (state_[(k + 1) % size] & 0x7fffffffu);
    state_[k] = state_[(k + shift) % size] ^ (joined >> 1) ^ (joined & 1u ? 0x9908b0dfu : 0u);
  }
  next_ = 0;
}

std::uint32_t PythonRandom::bits32() {
  if (next_ >= size) refill();
  std::uint32_t word = state_[next_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680u;
  word ^= (word << 15) & 0xefc60000u;
  return word ^ (word >> 18);
}

// Draws as many bits as the bound has until they are below it.
std::uint64_t PythonRandom::below(std::uint64_t bound) {
  const int bits = std::bit_width(bound);
  for (;;) {
    std::uint64_t drawn = bits32();
    if (bits <= 32)
      drawn >>= 32 - bits;
    else
      drawn |= static_cast<std::uint64_t>(bits32() >> (64 - bits)) << 32;
    if (drawn < bound) return drawn;
  }
}

std::vector<std::size_t> shuffled_indices(std::size_t count, std::uint32_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  PythonRandom random(seed);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace luthier::node
