// Rows of a table by id, and the gradient back into the table. The same for picking rows of activations: those that reach the
// output head, or an expert; and what an expert does to its rows.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// out[r] = table[ids[r]]; table: [any, width], out: [rows, width].
void gather_rows(std::int64_t rows, std::int64_t width, const float* table, const std::int32_t* ids, float* out);

// table[ids[r]] += values[r], in row order for every element, whatever the thread count: ids may repeat. Rows of the id
// `skipped` are left out (-1: none).
void scatter_add_rows(std::int64_t rows, std::int64_t width, const float* values, const std::int32_t* ids, float* table,
                      std::int64_t skipped = -1);

// out[r] += table[ids[r]].
void add_gathered_rows(std::int64_t rows, std::int64_t width, const float* table, const std::int32_t* ids, float* out);

// table[ids[r]] += scales[r] * values[r]; scales nullptr: 1. No id may be there twice, so that threads may share out the rows:
// an expert has each token at most once.
void scatter_add_distinct_rows(std::int64_t rows, std::int64_t width, const float* values, const std::int32_t* ids,
                               const float* scales, float* table);

// x[r] *= scales[r]; x: [rows, width].
void scale_rows(std::int64_t rows, std::int64_t width, const float* scales, float* x);

// out[r] = a[r] . b[r]; a, b: [rows, width].
void dot_rows(std::int64_t rows, std::int64_t width, const float* a, const float* b, float* out);

}  // namespace luthier::kernels
