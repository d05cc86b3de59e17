#include "gpu/kernels/distillation.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "gpu/kernels/cross_entropy.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

std::vector<double> softmax_of(const float* row, long width, double temperature) {
  double top = -1e300, total = 0;
  for (long i = 0; i < width; ++i) top = std::max(top, row[i] / temperature);
  std::vector<double> p(static_cast<std::size_t>(width));
  for (long i = 0; i < width; ++i) total += p[i] = std::exp(row[i] / temperature - top);
  for (double& one : p) one /= total;
  return p;
}

}  // namespace

TEST_CASE("the distillation loss and its gradient are those of the definition, at any width, temperature and mixing") {
  for (const long width : {3L, 16L, 47L, 2051L})
    for (const DistillationLoss loss : {DistillationLoss{1, 0.5}, DistillationLoss{3, 0.25}, DistillationLoss{0.5, 1}, DistillationLoss{2, 0}}) {
      const long rows = 4;
      auto logits = random_values(rows * width, 1, -6, 6), teacher = random_values(rows * width, 2, -6, 6);
      const std::vector<std::int32_t> labels{0, 2, 1, 2};
      const float scale = 0.25f;
      double expected = 0;
      std::vector<float> gradient(logits.size());
      for (long r = 0; r < rows; ++r) {
        const float *own = logits.data() + r * width, *taught = teacher.data() + r * width;
        const auto plain = softmax_of(own, width, 1), s = softmax_of(own, width, loss.temperature), t = softmax_of(taught, width, loss.temperature);
        double divergence = 0;
        for (long i = 0; i < width; ++i) {
          if (t[i] > 0) divergence += t[i] * (std::log(t[i]) - std::log(s[i]));
          gradient[static_cast<std::size_t>(r * width + i)] =
              static_cast<float>(scale * ((1 - loss.mixing) * (plain[i] - (i == labels[r])) + loss.mixing * loss.temperature * (s[i] - t[i])));
        }
        expected += -(1 - loss.mixing) * std::log(plain[labels[r]]) + loss.mixing * loss.temperature * loss.temperature * divergence;
      }
      INFO("width " << width << " temperature " << loss.temperature << " mixing " << loss.mixing);
      CHECK(distillation(rows, width, logits.data(), teacher.data(), labels.data(), loss, scale, nullptr) == Approx(expected).epsilon(1e-5));
      distillation(rows, width, logits.data(), teacher.data(), labels.data(), loss, scale, logits.data());
      CHECK(largest_difference(logits, gradient) < 1e-5);
    }
}

TEST_CASE("a student that is its teacher has no divergence and is not pushed") {
  const long width = 100;
  auto logits = random_values(width, 3, -4, 4);
  const auto teacher = logits;
  const std::int32_t label = 5;
  CHECK(distillation(1, width, logits.data(), teacher.data(), &label, {2, 1}, 1, nullptr) == Approx(0).margin(1e-6));
  distillation(1, width, logits.data(), teacher.data(), &label, {2, 1}, 1, logits.data());
  for (const float g : logits) CHECK(std::abs(g) < 1e-7f);
}
