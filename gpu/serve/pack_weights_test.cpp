#include "gpu/serve/pack_weights.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gpu/checkpoint/half.hpp"

using namespace luthier;
using namespace luthier::serve;

namespace {

constexpr std::int64_t outputs = 75, inputs = 41;  // neither fills its panels

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values(0, 1);
  std::vector<float> out(count);
  for (float& value : out) value = values(random);
  return out;
}

struct Packed {
  std::vector<std::byte> memory;
  WeightMatrix matrix;
};

Packed pack(const std::vector<float>& values, Storage storage, const RowKernels& kernels) {
  Packed out{{}, {nullptr, outputs, inputs, storage}};
  out.memory.resize(static_cast<std::size_t>(out.matrix.bytes()));
  out.matrix.data = out.memory.data();
  std::vector<float> room(static_cast<std::size_t>(WeightMatrix::width * inputs));
  for (std::int64_t i = 0; i < out.matrix.panels(); ++i)
    pack_weights(MatrixView::rows(values.data(), outputs, inputs), out.matrix, i, kernels, room.data(),
                 out.memory.data() + i * out.matrix.panel_bytes());
  return out;
}

// From 16-bit values as they lie in a file.
Packed pack(const std::vector<std::uint16_t>& halves, Storage stored, Storage kept, const RowKernels& kernels) {
  Packed out{{}, {nullptr, outputs, inputs, kept}};
  out.memory.resize(static_cast<std::size_t>(out.matrix.bytes()));
  out.matrix.data = out.memory.data();
  std::vector<float> room(static_cast<std::size_t>(WeightMatrix::width * inputs));
  const StoredView from{stored, reinterpret_cast<const std::byte*>(halves.data()), nullptr, 0, outputs, inputs, inputs, 1};
  for (std::int64_t i = 0; i < out.matrix.panels(); ++i)
    pack_stored(from, out.matrix, i, kernels, room.data(), out.memory.data() + i * out.matrix.panel_bytes());
  return out;
}

std::vector<const RowKernels*> all_kernels() {
  std::vector<const RowKernels*> out;
  for (const char* name : {"portable", "avx2", "avx512"})
    if (const auto* kernels = row_kernels(name)) out.push_back(kernels);
  return out;
}

}  // namespace

TEST_CASE("a 16-bit weight is the nearest that the storage has, and its product is to the bit that of the same f32 weights") {
  const auto values = random_values(outputs * inputs, 1);
  for (const auto* kernels : all_kernels())
    for (const Storage storage : {Storage::bf16, Storage::f16}) {
      const auto packed = pack(values, storage, *kernels);
      std::vector<float> rounded(values.size());
      for (std::int64_t o = 0; o < outputs; ++o)
        for (std::int64_t i = 0; i < inputs; ++i) {
          const auto at = static_cast<std::size_t>(o * inputs + i);
          const float expected = storage == Storage::bf16 ? checkpoint::f32_of_bf16(checkpoint::bf16_of_f32(values[at]))
                                                          : checkpoint::f32_of_f16(f16_of_f32(values[at]));
          rounded[at] = packed.matrix.at(o, i);
          CHECK(rounded[at] == expected);
        }
      std::vector<std::uint16_t> halves(values.size());
      narrow(storage, values.data(), outputs * inputs, *kernels, reinterpret_cast<std::byte*>(halves.data()));
      for (const auto kept : {Storage::f32, Storage::bf16, Storage::f16, Storage::int8})  // whatever they become: as from the same f32 values
        CHECK(pack(halves, storage, kept, *kernels).memory == pack(rounded, kept, *kernels).memory);
      const auto same = pack(rounded, Storage::f32, *kernels);
      for (const std::int64_t rows : {1, 2, 5, 12, 13, 30}) {
        const std::int64_t stride = row_stride(inputs);
        const auto a = random_values(static_cast<std::size_t>(rows * stride), 2);
        for (std::int64_t panel = 0; panel < packed.matrix.panels(); ++panel) {
          std::vector<float> got(static_cast<std::size_t>(rows * 32), 0.5F), expected = got;
          kernels->multiply_weights(a.data(), stride, rows, packed.matrix, panel, 1, true, got.data(), 32, {});
          kernels->multiply_weights(a.data(), stride, rows, same.matrix, panel, 1, true, expected.data(), 32, {});
          CHECK(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)) == 0);
        }
      }
    }
}

TEST_CASE("an int8 weight is off by at most half of its row's scale, and a row's product by no more than they add up to") {
  const auto values = random_values(outputs * inputs, 3);
  for (const auto* kernels : all_kernels()) {
    const auto packed = pack(values, Storage::int8, *kernels);
    const std::int64_t stride = row_stride(inputs), rows = 7;
    const auto a = random_values(static_cast<std::size_t>(rows * stride), 4);
    std::vector<float> got(static_cast<std::size_t>(rows * 32 * packed.matrix.panels()));
    for (std::int64_t panel = 0; panel < packed.matrix.panels(); ++panel)
      kernels->multiply_weights(a.data(), stride, rows, packed.matrix, panel, 1, false, got.data() + panel * 32, 32 * packed.matrix.panels(), {});
    for (std::int64_t o = 0; o < outputs; ++o) {
      const auto* row = values.data() + o * inputs;
      const float largest = std::abs(*std::max_element(row, row + inputs, [](float x, float y) { return std::abs(x) < std::abs(y); }));
      for (std::int64_t i = 0; i < inputs; ++i) CHECK(std::abs(packed.matrix.at(o, i) - row[i]) <= largest / 127 / 2 * 1.001F);
      for (std::int64_t m = 0; m < rows; ++m) {
        double exact = 0;
        for (std::int64_t i = 0; i < inputs; ++i) exact += double{a[static_cast<std::size_t>(m * stride + i)]} * packed.matrix.at(o, i);
        CHECK(got[static_cast<std::size_t>(m * 32 * packed.matrix.panels() + o)] == Approx(exact).margin(1e-4));
      }
    }
  }
}

TEST_CASE("panels that are multiplied together are to the bit those that are multiplied one by one") {
  const auto values = random_values(outputs * inputs, 5);
  for (const auto* kernels : all_kernels())
    for (const Storage storage : {Storage::f32, Storage::bf16, Storage::f16, Storage::int8}) {
      const auto packed = pack(values, storage, *kernels);
      const std::int64_t panels = packed.matrix.panels(), width = 32 * panels, stride = row_stride(inputs);
      REQUIRE(panels == 3);
      for (const std::int64_t rows : {1, 2, 3, 4, 13})
        for (const bool accumulate : {false, true}) {
          const auto a = random_values(static_cast<std::size_t>(rows * stride), 6);
          std::vector<float> together(static_cast<std::size_t>(rows * width), 0.5F), alone = together;
          kernels->multiply_weights(a.data(), stride, rows, packed.matrix, 0, panels, accumulate, together.data(), width, {});
          for (std::int64_t panel = 0; panel < panels; ++panel)
            kernels->multiply_weights(a.data(), stride, rows, packed.matrix, panel, 1, accumulate, alone.data() + 32 * panel, width, {});
          CHECK(together == alone);
        }
    }
}

TEST_CASE("binary16 is rounded to the nearest, ties to even, with its subnormals, infinities and NaN, the same on every processor") {
  std::vector<float> values{0.0F, -0.0F, 1.0F, 65504.0F, 65519.9F, 65520.0F, -1e30F, 5.9604645e-8F, 2.9802322e-8F, 2.9802326e-8F, 6.1e-5F,
                            1.00048828125F, 1.00146484375F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {  // every half comes back, and so does what lies a little beside it
    const float half = checkpoint::f32_of_f16(static_cast<std::uint16_t>(bits));
    values.push_back(half);
    values.push_back(half * 1.0001F);
  }
  std::vector<std::uint16_t> expected;
  for (const float value : values) expected.push_back(f16_of_f32(value));
  CHECK(expected[3] == 0x7BFF);
  CHECK(expected[4] == 0x7BFF);
  CHECK(expected[5] == 0x7C00);
  CHECK(expected[6] == 0xFC00);
  CHECK(expected[7] == 1);
  CHECK(expected[8] == 0);  // halfway between nothing and the smallest: to the even one
  CHECK(expected[9] == 1);
  CHECK(expected[11] == 0x3C00);
  CHECK(expected[12] == 0x3C02);
  for (const auto* kernels : all_kernels()) {
    std::vector<std::uint16_t> got(values.size());
    kernels->narrow_to_f16(values.data(), got.data(), static_cast<std::int64_t>(values.size()));
    std::size_t different = 0;
    for (std::size_t i = 0; i < values.size(); ++i) different += got[i] != expected[i] && !std::isnan(values[i]);
    CHECK(different == 0);
  }
}

TEST_CASE("what weights are kept as has five names") {
  CHECK(*weights_kept("as-stored") == WeightsKept::as_stored);
  CHECK(*weights_kept("int8") == WeightsKept::int8);
  const auto refused = weights_kept("int4");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("int8") != std::string::npos);
}
