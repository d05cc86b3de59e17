// What the files of the instruction sets share; nobody else includes it.
#pragma once

#include "gpu/serve/row_kernels.hpp"

#define LUTHIER_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define LUTHIER_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LUTHIER_UNROLL _Pragma("GCC unroll 12")
#endif

namespace luthier::serve {

// Weights as they lie in memory, told apart by their type.
enum class Bf16 : std::uint16_t {};
enum class F16 : std::uint16_t {};

#if defined(__x86_64__)
extern const RowKernels row_kernels_avx512;
extern const RowKernels row_kernels_avx2;
#endif
extern const RowKernels row_kernels_portable;

}  // namespace luthier::serve
