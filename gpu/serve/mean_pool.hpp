// The embedding of a text: the mean over all its tokens of the last hidden states (after the last norm), L2-normalised.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace luthier::serve {

class MeanPool {
 public:
  void clear() { sum_.clear(); }
  // The next token's hidden state, in the order of the tokens: sums are the same however a text is cut.
  void add(std::span<const float> hidden) {
    sum_.resize(hidden.size());
    std::ranges::transform(sum_, hidden, sum_.begin(), std::plus<>());
  }
  std::vector<float> vector() const {
    const double norm = std::sqrt(std::inner_product(sum_.begin(), sum_.end(), sum_.begin(), 0.0));
    std::vector<float> out;
    for (const double value : sum_) out.push_back(norm > 0 ? static_cast<float>(value / norm) : 0.0F);
    return out;
  }

 private:
  std::vector<double> sum_;  // the mean but for a factor, which normalising takes away
};

}  // namespace luthier::serve
