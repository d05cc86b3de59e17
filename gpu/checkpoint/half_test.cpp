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

TEST_CASE("a float is rounded to the nearest bfloat16, ties to the even one") {
  CHECK(bf16_of_f32(1.0f) == 0x3F80);
  CHECK(bf16_of_f32(std::bit_cast<float>(0x3F808000u)) == 0x3F80);  // half way: down to the even one
  CHECK(bf16_of_f32(std::bit_cast<float>(0x3F818000u)) == 0x3F82);  // half way: up to the even one
  CHECK(bf16_of_f32(std::bit_cast<float>(0x3F808001u)) == 0x3F81);
  CHECK(bf16_of_f32(std::bit_cast<float>(0x7F7FFFFFu)) == 0x7F80);  // beyond the largest: infinity
  CHECK(bf16_of_f32(std::bit_cast<float>(0xFF800000u)) == 0xFF80);
  CHECK((bf16_of_f32(std::bit_cast<float>(0x7F800001u)) & 0x7FFF) > 0x7F80);
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((half & 0x7FFF) <= 0x7F80) CHECK(bf16_of_f32(f32_of_bf16(half)) == half);
  }
}

TEST_CASE("a float is rounded to the nearest f16, ties to the even one") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f32_of_f16(half);
    if (std::isnan(value)) {
      wrong += !std::isnan(f32_of_f16(f16_of_f32(value)));
      continue;
    }
    wrong += f16_of_f32(value) != half;
    if ((half & 0x7FFFu) >= 0x7BFFu) continue;
    const float next = f32_of_f16(static_cast<std::uint16_t>(half + 1)), middle = value + (next - value) / 2;
    wrong += f16_of_f32(middle) != (half % 2 == 0 ? half : half + 1);
    wrong += f16_of_f32(std::nextafter(middle, value)) != half;
    wrong += f16_of_f32(std::nextafter(middle, next)) != half + 1;
  }
  CHECK(wrong == 0);
  CHECK(f16_of_f32(65519.99f) == 0x7BFF);
  CHECK(f16_of_f32(65520.0f) == 0x7C00);
  CHECK(f16_of_f32(-1e30f) == 0xFC00);
  CHECK(f16_of_f32(1e-30f) == 0);
}

}  // namespace luthier::checkpoint
