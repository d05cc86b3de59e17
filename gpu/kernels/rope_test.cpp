#include "gpu/kernels/rope.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;
using luthier::checkpoint::Rope;

namespace {

Rope rope_of(const nlohmann::json& j) {
  Rope rope;
  const std::map<std::string, Rope::Kind> kinds{{"default", Rope::Kind::plain},   {"linear", Rope::Kind::linear},
                                                {"dynamic", Rope::Kind::dynamic}, {"llama3", Rope::Kind::llama3},
                                                {"yarn", Rope::Kind::yarn},       {"longrope", Rope::Kind::longrope}};
  rope.kind = kinds.at(j.at("rope_type"));
  rope.theta = j.at("rope_theta");
  rope.factor = j.value("factor", 1.0);
  rope.low_freq_factor = j.value("low_freq_factor", 1.0);
  rope.high_freq_factor = j.value("high_freq_factor", 4.0);
  rope.original_max_position_embeddings = j.value("original_max_position_embeddings", 0);
  rope.beta_fast = j.value("beta_fast", 32.0);
  rope.beta_slow = j.value("beta_slow", 1.0);
  rope.attention_factor = j.value("attention_factor", 0.0);
  rope.mscale = j.value("mscale", 0.0);
  rope.mscale_all_dim = j.value("mscale_all_dim", 0.0);
  rope.truncate = j.value("truncate", true);
  rope.short_factor = j.value("short_factor", std::vector<double>{});
  rope.long_factor = j.value("long_factor", std::vector<double>{});
  return rope;
}

}  // namespace

TEST_CASE("the frequencies of every scaling are those of transformers, for short and long sequences") {
  const auto golden = nlohmann::json::parse(std::ifstream("tests/golden/train/rope.json"));
  REQUIRE(golden.size() >= 8);
  for (const auto& one : golden) {
    const auto frequencies = rope_frequencies(rope_of(one["rope"]), one["head_dim"], one["max_position_embeddings"], one["length"]);
    INFO(one["rope"].dump() << " length " << one["length"]);
    const auto expected = one["inverse_frequencies"].get<std::vector<float>>();
    REQUIRE(frequencies.inverse.size() == expected.size());
    // To the last bit, or it would be seen in the angles of late positions; dynamic's base is a power in float, of the reference's own making.
    const double limit = one["rope"]["rope_type"] == "dynamic" ? 3e-7 : 0;
    for (std::size_t j = 0; j < expected.size(); ++j)
      CHECK(std::abs(double(frequencies.inverse[j]) - double(expected[j])) <= limit * double(expected[j]));
    CHECK(frequencies.attention_scale == Approx(one["attention_scale"].get<float>()).epsilon(1e-6));
  }
}

TEST_CASE("a table holds the angles' cosines and sines") {
  const RopeFrequencies frequencies{{1.0f, 0.25f}, 2.0f};
  const std::vector<std::int32_t> positions{0, 3};
  std::vector<float> cosine(4), sine(4);
  rope_table(frequencies, positions, cosine.data(), sine.data());
  CHECK(cosine[0] == 2.0f);
  CHECK(sine[1] == 0.0f);
  CHECK(cosine[2] == Approx(2 * std::cos(3.0)));
  CHECK(sine[3] == Approx(2 * std::sin(0.75)));
}

TEST_CASE("rope turns each pair by its angle, all of a head or its first part, and its gradient turns back") {
  const long rows = 20, heads = 3, dim = 24, ld = heads * dim + 5;
  for (const long rotary : {24, 16, 2}) {
    const long half = rotary / 2;
    std::vector<std::int32_t> positions(rows);
    for (long r = 0; r < rows; ++r) positions[r] = std::int32_t(r * 3);
    RopeFrequencies frequencies{std::vector<float>(half), 1.0f};
    for (long j = 0; j < half; ++j) frequencies.inverse[j] = float(std::pow(100.0, -double(j) / double(half)));
    std::vector<float> cosine(rows * half), sine(rows * half);
    rope_table(frequencies, positions, cosine.data(), sine.data());

    const auto before = random_values(rows * ld, 1);
    auto x = before, expected = before;
    for (long r = 0; r < rows; ++r)
      for (long h = 0; h < heads; ++h)
        for (long j = 0; j < half; ++j) {
          const double c = cosine[r * half + j], s = sine[r * half + j];
          const double a = before[r * ld + h * dim + j], b = before[r * ld + h * dim + half + j];
          expected[r * ld + h * dim + j] = float(a * c - b * s);
          expected[r * ld + h * dim + half + j] = float(b * c + a * s);
        }
    rope_forward(rows, heads, dim, rotary, cosine.data(), sine.data(), x.data(), ld);
    CHECK(largest_difference(x, expected) < 1e-6);
    rope_backward(rows, heads, dim, rotary, cosine.data(), sine.data(), x.data(), ld);
    CHECK(largest_difference(x, before) < 1e-6);
  }
}
