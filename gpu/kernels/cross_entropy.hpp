// Loss of the next token: -log softmax(logits)[label], with its gradient in the same pass over the row.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// logits: [rows, vocabulary], contiguous; labels: [rows], each in [0, vocabulary). Returns the sum of the rows' losses,
// added in row order in double. gradient: nullptr, or [rows, vocabulary] = gradient_scale * (softmax - one_hot(label)); it
// may be logits. row_loss: nullptr or [rows].
double cross_entropy(std::int64_t rows, std::int64_t vocabulary, const float* logits, const std::int32_t* labels,
                     float gradient_scale, float* gradient, float* row_loss);

// Softmax of one row, in place: what sampling and evaluation need.
void softmax(std::int64_t width, float* row);

}  // namespace luthier::kernels
