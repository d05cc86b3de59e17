#include "gpu/train/text_vectors.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "gpu/model/head.hpp"

namespace luthier::train {
namespace {

using checkpoint::Pooling;

struct Rows {
  std::int32_t first, last;
};

// Of which tokens a text's vector is the sum. A mean is that but for a factor, which the vector's length takes away.
Rows pooled_rows(Pooling pooling, const model::Batch& batch, std::size_t text) {
  const std::int32_t first = batch.starts[text], last = batch.starts[text + 1];
  switch (pooling) {
    case Pooling::cls: return {first, std::min(first + 1, last)};
    case Pooling::last: return {std::max(last - 1, first), last};
    case Pooling::none:
    case Pooling::mean: return {first, last};
  }
  return {first, last};
}

}  // namespace

TextVectors text_vectors(const model::Network& network, const model::Batch& batch, model::Workspace& ws) {
  const std::int64_t width = network.decoder.hidden_size;
  const std::size_t texts = batch.starts.size() - 1;
  std::vector<double> sums(texts * static_cast<std::size_t>(width));
  std::size_t text = 0;
  model::hidden_states(network, batch, ws, [&](std::int64_t first, std::int64_t rows, const float* states) {
    for (std::int64_t row = first; row < first + rows; ++row, states += width) {
      while (row >= batch.starts[text + 1]) ++text;
      const Rows pooled = pooled_rows(network.decoder.pooling, batch, text);
      if (row < pooled.first || row >= pooled.last) continue;
      double* sum = sums.data() + text * static_cast<std::size_t>(width);
      for (std::int64_t i = 0; i < width; ++i) sum[i] += static_cast<double>(states[i]);
    }
  });
  TextVectors vectors{.width = width, .unit = std::vector<float>(sums.size()), .length = {}};
  for (std::size_t at = 0; at < sums.size(); at += static_cast<std::size_t>(width)) {
    const auto begin = sums.begin() + static_cast<std::ptrdiff_t>(at), end = begin + width;
    const double length = std::sqrt(std::inner_product(begin, end, begin, 0.0));
    vectors.length.push_back(length);
    if (length != 0)  // of what is not finite nothing finite is made: a loss must show it
      std::transform(begin, end, vectors.unit.begin() + static_cast<std::ptrdiff_t>(at),
                     [&](double sum) { return static_cast<float>(sum / length); });
  }
  return vectors;
}

// u = v / |v|, so dv = (du - u (u . du)) / |v|; each pooled token has all of it.
void text_vectors_gradient(const model::Network& network, const model::Batch& batch, const TextVectors& vectors,
                           const std::vector<float>& gradient, model::Workspace& ws) {
  assert(ws.size.backward);
  const std::int64_t width = vectors.width;
  float* states = ws.dnormed;  // free between the two passes
  std::fill_n(states, batch.tokens() * width, 0.0f);
  for (std::size_t text = 0; text < vectors.length.size(); ++text) {
    if (!(vectors.length[text] > 0)) continue;
    const float *u = vectors.of(text), *du = gradient.data() + text * static_cast<std::size_t>(width);
    const double along = std::inner_product(u, u + width, du, 0.0);
    const Rows pooled = pooled_rows(network.decoder.pooling, batch, text);
    for (std::int32_t row = pooled.first; row < pooled.last; ++row)
      for (std::int64_t i = 0; i < width; ++i)
        states[row * width + i] =
            static_cast<float>((static_cast<double>(du[i]) - static_cast<double>(u[i]) * along) / vectors.length[text]);
  }
  model::hidden_states_gradient(network, batch, states, ws);
}

}  // namespace luthier::train
