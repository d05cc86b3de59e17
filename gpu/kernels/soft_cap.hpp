// Gemma 2's bound on logits: x becomes cap * tanh(x / cap).
#pragma once

#include <cstdint>

namespace luthier::kernels {

// In place. slopes: [count], the derivative 1 - tanh^2, which no gradient that takes the logits' place can give; nullptr: not
// wanted.
void soft_cap(std::int64_t count, float cap, float* x, float* slopes);

// x *= by, element by element.
void multiply(std::int64_t count, const float* by, float* x);

}  // namespace luthier::kernels
