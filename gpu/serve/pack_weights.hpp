// From f32 values to panels in the storage that the model is kept in.
#pragma once

#include <span>

#include "gpu/serve/panels.hpp"
#include "gpu/serve/row_kernels.hpp"

namespace luthier::serve {

// Nothing is lost: every value is one that the storage has. Always false for int8.
bool holds_exactly(Storage storage, std::span<const float> values);

// Writes panel i of `from` to where `into` has it; outputs past the end are zero. `room`: width * inputs floats of this thread.
void pack_weights(const MatrixView& from, const WeightMatrix& into, std::int64_t i, const RowKernels& kernels, float* room, std::byte* out);

// The other way round: rows [first, first + count) as f32, [count, inputs].
void unpack_rows(const WeightMatrix& from, std::int64_t first, std::int64_t count, float* rows);

}  // namespace luthier::serve
