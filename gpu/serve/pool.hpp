// The embedding of a text: one vector made of its last hidden states (after the last norm), L2-normalised.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::serve {

class Pool {
 public:
  // A model that was not made for embeddings gives the mean over all tokens.
  explicit Pool(checkpoint::Pooling kind = checkpoint::Pooling::mean) : kind_(kind) {}

  void clear() { sum_.clear(); }
  // The next token's hidden state, in the order of the tokens: sums are the same however a text is cut.
  void add(std::span<const float> hidden) {
    const bool is_first = sum_.empty();
    sum_.resize(hidden.size());
    switch (kind_) {
      case checkpoint::Pooling::cls:
        if (is_first) std::ranges::copy(hidden, sum_.begin());
        return;
      case checkpoint::Pooling::last: std::ranges::copy(hidden, sum_.begin()); return;
      case checkpoint::Pooling::none:
      case checkpoint::Pooling::mean: std::ranges::transform(sum_, hidden, sum_.begin(), std::plus<>()); return;
    }
  }
  std::vector<float> vector() const {
    const double norm = std::sqrt(std::inner_product(sum_.begin(), sum_.end(), sum_.begin(), 0.0));
    std::vector<float> out;
    for (const double value : sum_) out.push_back(norm > 0 ? static_cast<float>(value / norm) : 0.0F);
    return out;
  }

 private:
  checkpoint::Pooling kind_;
  std::vector<double> sum_;  // a mean but for a factor, which normalising takes away
};

}  // namespace luthier::serve
