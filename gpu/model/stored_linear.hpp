// Products with matrices that are kept in fewer bits (checkpoint/stored_matrix.hpp). Rows are turned back into f32, as many at
// a time as fit into `room`, and go through the same f32 product: the result is that of the f32 path with the rounded weights, but
// for the order of sums where the rows are what is summed over. With operands in bf16 they are turned into bf16 instead, and what is
// bf16 already is read where it lies.
#pragma once

#include <cstdint>
#include <span>

#include "gpu/checkpoint/stored_matrix.hpp"
#include "gpu/model/operand.hpp"

namespace luthier::model {

using checkpoint::StoredMatrix;

// How many floats of `room` the products of a [rows, width] matrix use: a few megabytes, and at least one row.
std::int64_t stored_room(std::int64_t rows, std::int64_t width);

// out[i] = the value of number first + i, the same bits as decode_plain's.
void decode(const StoredMatrix& matrix, std::int64_t first, std::span<float> out);
void decode(const StoredMatrix& matrix, std::int64_t first, std::span<kernels::Bfloat16> out);  // the nearest to that value

// The values of a matrix of kind bf16.
const kernels::Bfloat16* bfloat16_values(const StoredMatrix& matrix);

struct StoredLinear {
  StoredMatrix weight;
  std::int64_t in = 0, out = 0;
  bool turned = false;  // stored [in, out], else [out, in]
};

// y[rows, out] = x[rows, in] W^T + beta * y, and dx[rows, in] = dy[rows, out] W + beta * dx; beta is 0 or 1.
void stored_forward(const StoredLinear& linear, std::int64_t rows, const Operand& x, float beta, float* y, std::int64_t ldy, float* room);
void stored_backward(const StoredLinear& linear, std::int64_t rows, const Operand& dy, float beta, float* dx, std::int64_t ldx, float* room);

// out[r] = row ids[r] of a matrix of that width.
void gather_stored_rows(const StoredMatrix& table, std::int64_t rows, std::int64_t width, const std::int32_t* ids, float* out);

}  // namespace luthier::model
