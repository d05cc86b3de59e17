#include "gpu/checkpoint/half.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

namespace luthier::checkpoint {

TEST_CASE("every f16 widens to the value that IEEE 754 gives it") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = f32_of_f16(static_cast<std::uint16_t>(bits));
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (std::signbit(value) != (bits >> 15 == 1)) ++wrong;
    if (exponent == 31) {
      wrong += fraction == 0 ? !std::isinf(value) : !std::isnan(value);
      continue;
    }
    const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (std::abs(static_cast<double>(value)) != magnitude) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16 is the upper half of f32") {
  CHECK(f32_of_bf16(0x3F80) == 1.0f);
  CHECK(f32_of_bf16(0xC049) == -3.140625f);
  CHECK(std::isinf(f32_of_bf16(0x7F80)));
  CHECK(f32_of_bf16(0x0001) == std::numeric_limits<float>::denorm_min() * 65536);
}

}  // namespace luthier::checkpoint
