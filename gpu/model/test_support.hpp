// What the tests of models share.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::model::test {

template <class T>
T take(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}

// The largest difference, as a part of the largest expected value.
inline double difference(const std::vector<float>& got, const std::vector<float>& expected) {
  if (got.size() != expected.size()) return 1e30;
  double largest = 1e-12, apart = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return 1e30;
    largest = std::max(largest, std::abs(double(expected[i])));
    apart = std::max(apart, std::abs(double(got[i]) - expected[i]));
  }
  return apart / largest;
}

}  // namespace luthier::model::test
