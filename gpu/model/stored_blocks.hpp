// The way back to f32 from 16 bits and from GGUF's blocks, for the processor's widest vectors; the same bits as decode_plain's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/checkpoint/stored_matrix.hpp"

namespace luthier::model {

void widen_f16(std::int64_t count, const std::byte* codes, float* out);

// Whole blocks of a format that has its scales within, from that number on.
void widen_ggml(checkpoint::StoredKind kind, const std::byte* codes, std::int64_t block, std::int64_t blocks, float* out);

}  // namespace luthier::model
