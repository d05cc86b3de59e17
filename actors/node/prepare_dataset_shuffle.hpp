// The order that Python's random.Random(seed).shuffle gives a list: who splits a dataset with it and with us gets the same rows.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace luthier::node {

// The Mersenne Twister MT19937 as Python seeds it with an integer below 2^32 (init_by_array).
class PythonRandom {
 public:
  explicit PythonRandom(std::uint32_t seed);
  std::uint32_t bits32();
  std::uint64_t below(std::uint64_t bound);  // from 0; bound at least 1

 private:
  static constexpr std::size_t size = 624;
  void refill();
  std::array<std::uint32_t, size> state_{};
  std::size_t next_ = size;
};

std::vector<std::size_t> shuffled_indices(std::size_t count, std::uint32_t seed);

}  // namespace luthier::node
