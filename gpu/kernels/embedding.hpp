// Rows of a table by id, and the gradient back into the table. The same for picking rows of activations.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// out[r] = table[ids[r]]; table: [any, width], out: [rows, width].
void gather_rows(std::int64_t rows, std::int64_t width, const float* table, const std::int32_t* ids, float* out);

// table[ids[r]] += values[r], in row order for every element, whatever the thread count: ids may repeat. Rows of the id
// `skipped` are left out (-1: none).
void scatter_add_rows(std::int64_t rows, std::int64_t width, const float* values, const std::int32_t* ids, float* table,
                      std::int64_t skipped = -1);

}  // namespace luthier::kernels
