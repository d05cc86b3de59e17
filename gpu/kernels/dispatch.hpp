// One binary for every x86-64: a kernel's inner function is compiled once per level of the instruction set and chosen
// when the program starts. The OpenMP loops stay outside of these functions, because the compiler moves a parallel
// region's body into a function of its own, which would not be cloned.
#pragma once

#include <cstdint>

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LUTHIER_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
// Sanitizers run before the choice could be made, and clang 14 refuses to inline a function that returns a vector into a
// clone for a longer vector: what it builds is correct, and slower outside of matrix products.
#define LUTHIER_CLONES
#endif
#define LUTHIER_INLINE inline __attribute__((always_inline))

namespace luthier::kernels {

// "x86-64-v4", "x86-64-v3" or "x86-64": recorded with a job, because sums round differently on each.
const char* instruction_set();

// How many threads a parallel region will use now.
int thread_count();
void set_thread_count(int threads);

}  // namespace luthier::kernels
