// The loss of a student that learns from labels and from a teacher's distribution over the vocabulary (arXiv 1503.02531).
#pragma once

#include <cstdint>

namespace luthier::kernels {

struct DistillationLoss {
  double temperature = 1;
  double mixing = 0.5;  // 0: labels alone; 1: the teacher alone
};

// logits, teacher: [rows, vocabulary], contiguous; labels: [rows]. Per row (1 - mixing) * -log softmax(logits)[label] +
// mixing * T^2 * KL(softmax(teacher / T) || softmax(logits / T)). Returns the rows' sum, added in row order in double.
// gradient: nullptr, or [rows, vocabulary] = gradient_scale times the derivative with respect to the logits; it may be logits.
double distillation(std::int64_t rows, std::int64_t vocabulary, const float* logits, const float* teacher, const std::int32_t* labels,
                    const DistillationLoss& loss, float gradient_scale, float* gradient);

}  // namespace luthier::kernels
