#include "gpu/model/stored_linear.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/kernels/gemm.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier;
using namespace luthier::model;
using namespace luthier::kernels::test;
using checkpoint::StoredKind;

namespace {

const std::map<StoredKind, std::string> ggml_names{{StoredKind::q4_0, "Q4_0"}, {StoredKind::q4_1, "Q4_1"}, {StoredKind::q5_0, "Q5_0"},
                                                   {StoredKind::q5_1, "Q5_1"}, {StoredKind::q8_0, "Q8_0"}, {StoredKind::q4_k, "Q4_K"},
                                                   {StoredKind::q5_k, "Q5_K"}, {StoredKind::q6_k, "Q6_K"}};

// Random codes and scales are the only way to have a matrix of MXFP4. GGUF's blocks are those of a golden, again and again.
struct Stored {
  std::vector<std::byte> codes, scales;
  StoredMatrix matrix;
};

Stored stored_of(StoredKind kind, std::int64_t values) {
  const auto count = static_cast<std::size_t>(values);
  Stored s{std::vector<std::byte>(checkpoint::bytes_of_codes(kind, count) + 64), std::vector<std::byte>(checkpoint::bytes_of_scales(kind, count) + 64), {}};
  if (kind == StoredKind::mxfp4) {
    const auto random = random_values(static_cast<std::int64_t>(s.codes.size()), 5, 0, 256), powers = random_values(static_cast<std::int64_t>(s.scales.size()), 6, 118, 128);
    for (std::size_t i = 0; i < s.codes.size(); ++i) s.codes[i] = static_cast<std::byte>(random[i]);
    for (std::size_t i = 0; i < s.scales.size(); ++i) s.scales[i] = static_cast<std::byte>(powers[i]);
  } else if (ggml_names.contains(kind)) {
    const auto file = checkpoint::SafetensorsFile::open("tests/golden/checkpoint/quants.safetensors");
    REQUIRE(file);
    const auto blocks = file->find(ggml_names.at(kind) + ".blocks")->bytes;
    for (std::size_t i = 0; i < s.codes.size(); ++i) s.codes[i] = blocks[i % blocks.size()];
  } else {
    checkpoint::encode(kind, random_values(values, 7, -0.1f, 0.1f), s.codes.data(), s.scales.data());
  }
  s.matrix = {kind, 0, s.codes.data(), s.scales.data()};
  return s;
}

std::vector<float> plain(const StoredMatrix& matrix, std::int64_t values) {
  std::vector<float> out(static_cast<std::size_t>(values));
  checkpoint::decode_plain(matrix, 0, out);
  return out;
}

const auto kinds = {StoredKind::bf16, StoredKind::f16, StoredKind::int8, StoredKind::nf4, StoredKind::mxfp4, StoredKind::q4_0, StoredKind::q4_1,
                    StoredKind::q5_0, StoredKind::q5_1, StoredKind::q8_0, StoredKind::q4_k, StoredKind::q5_k, StoredKind::q6_k};

}  // namespace

TEST_CASE("the fast way back to f32 gives the definition's bits, whatever range is asked for") {
  constexpr std::int64_t count = 70001;
  for (const auto kind : kinds) {
    const Stored s = stored_of(kind, count);
    const auto expected = plain(s.matrix, count);
    for (const auto& [first, length] : {std::pair<std::int64_t, std::int64_t>{0, count}, {1, 63}, {63, 130}, {64, 64}, {100, 7}, {17, 69000}, {255, 2}, {count, 0}}) {
      std::vector<float> got(static_cast<std::size_t>(length), 9.0f);
      decode(s.matrix.from(first > 40 ? 40 : 0), first > 40 ? first - 40 : first, got);
      CHECK(got == std::vector<float>(expected.begin() + first, expected.begin() + first + length));
    }
  }
}

TEST_CASE("products with stored matrices are those of f32 with the values that they stand for, in blocks of rows too") {
  struct Case {
    std::int64_t rows, in, out;
  };
  for (const auto kind : kinds)
    for (const bool turned : {false, true})
      for (const auto& [rows, in, out] : {Case{5, 96, 40}, Case{3, 64, 1}, Case{9, 33, 70}, Case{2, 1100, 2050}}) {
        const Stored s = stored_of(kind, in * out + 7);
        const StoredLinear linear{s.matrix.from(7), in, out, turned};
        std::vector<float> w(static_cast<std::size_t>(in * out));
        checkpoint::decode_plain(linear.weight, 0, w);
        const std::int64_t room_size = turned ? stored_room(in, out) : stored_room(out, in);
        std::vector<float> room(static_cast<std::size_t>(room_size));
        const std::int64_t ldy = out + 3;
        const auto x = random_values(rows * in, 1), dy = random_values(rows * ldy, 2), y0 = random_values(rows * ldy, 3), dx0 = random_values(rows * in, 4);
        for (const float beta : {0.0f, 1.0f}) {
          auto y = y0, expected = y0, dx = dx0, expected_dx = dx0;
          using kernels::gemm, kernels::Transpose;
          const auto ldw = turned ? out : in;
          gemm(Transpose::no, turned ? Transpose::no : Transpose::yes, rows, out, in, 1, x.data(), in, w.data(), ldw, beta, expected.data(), ldy);
          gemm(Transpose::no, turned ? Transpose::yes : Transpose::no, rows, in, out, 1, dy.data(), ldy, w.data(), ldw, beta, expected_dx.data(), in);
          stored_forward(linear, rows, {.wide = x.data(), .ld = in}, beta, y.data(), ldy, room.data());
          stored_backward(linear, rows, {.wide = dy.data(), .ld = ldy}, beta, dx.data(), in, room.data());
          INFO(static_cast<int>(kind) << " " << turned << " " << rows << " x " << in << " x " << out << ", beta " << beta);
          CHECK(largest_difference(y, expected) < 2e-6);
          CHECK(largest_difference(dx, expected_dx) < 2e-6);
        }
      }
}

TEST_CASE("rows of a stored table by id") {
  constexpr std::int64_t rows = 50, width = 37;
  for (const auto kind : kinds) {
    const Stored s = stored_of(kind, rows * width);
    const auto table = plain(s.matrix, rows * width);
    const std::vector<std::int32_t> ids{3, 0, 49, 3, 17};
    std::vector<float> got(ids.size() * width), expected;
    for (const auto id : ids) expected.insert(expected.end(), table.begin() + id * width, table.begin() + (id + 1) * width);
    gather_stored_rows(s.matrix, static_cast<std::int64_t>(ids.size()), width, ids.data(), got.data());
    CHECK(got == expected);
  }
}
