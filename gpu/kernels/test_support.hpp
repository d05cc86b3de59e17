// What the kernels' tests share: numbers without a pattern, and how far two arrays are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gpu/kernels/random.hpp"

namespace luthier::kernels::test {

inline std::vector<float> random_values(std::int64_t count, std::uint64_t seed, float low = -1, float high = 1) {
  std::vector<float> values(static_cast<std::size_t>(count));
  fill_uniform(count, seed, 0, low, high, values.data());
  return values;
}

inline bool all_numbers(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// The largest difference, as a part of the largest expected value. Arrays of unlike length or with a NaN are infinitely far.
inline double largest_difference(const std::vector<float>& values, const std::vector<float>& expected) {
  if (values.size() != expected.size() || !all_numbers(values)) return std::numeric_limits<double>::infinity();
  double largest = 1e-2, difference = 0;  // arrays of zeros are compared as they are
  for (std::size_t i = 0; i < values.size(); ++i) {
    largest = std::max(largest, std::abs(double(expected[i])));
    difference = std::max(difference, std::abs(double(values[i]) - double(expected[i])));
  }
  return difference / largest;
}

}  // namespace luthier::kernels::test
