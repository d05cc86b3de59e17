// From f32 values to panels in the storage that the model is kept in.
#pragma once

#include "gpu/serve/panels.hpp"
#include "gpu/serve/row_kernels.hpp"

namespace luthier::serve {

// A part of a tensor as it lies in a checkpoint: element (output, input) is value number first + output * output_stride + input *
// input_stride of `halves`, which hold `stored`, or of `values`.
struct StoredView {
  Storage stored = Storage::f32;
  const std::byte* halves = nullptr;
  const float* values = nullptr;
  std::int64_t first = 0, outputs = 0, inputs = 0, output_stride = 0, input_stride = 1;
};

// f32 values as f32, bf16 or f16.
void narrow(Storage storage, const float* values, std::int64_t count, const RowKernels& kernels, std::byte* out);

// pack_weights() of what lies in a checkpoint; 16-bit values that stay what they are only change their places.
void pack_stored(const StoredView& from, const WeightMatrix& into, std::int64_t i, const RowKernels& kernels, float* room, std::byte* out);

// Writes panel i of `from` to where `into` has it; outputs past the end are zero. `room`: width * inputs floats of this thread.
void pack_weights(const MatrixView& from, const WeightMatrix& into, std::int64_t i, const RowKernels& kernels, float* room, std::byte* out);

// The other way round: rows [first, first + count) as f32, [count, inputs].
void unpack_rows(const WeightMatrix& from, std::int64_t first, std::int64_t count, float* rows);

}  // namespace luthier::serve
