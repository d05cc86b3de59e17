// Matrices that are kept as the blocks they are in the file.
#pragma once

#include <cstddef>
#include <functional>

#include "gpu/checkpoint/gguf.hpp"
#include "gpu/checkpoint/stored_matrix.hpp"

namespace luthier::checkpoint {

// Row r of the tensor becomes row row_to(r) of the matrix. Rows are whole blocks: a GGUF file has no others.
void copy_rows(const GgufTensor& tensor, const std::function<std::size_t(std::size_t)>& row_to, const StoredMatrix& into);

}  // namespace luthier::checkpoint
