#include "gpu/serve/row_kernels.hpp"

#include <string_view>

#include "gpu/serve/row_kernels_sets.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace luthier::serve {

#if defined(__x86_64__)
namespace {

bool converts_halves() {  // Clang 14's __builtin_cpu_supports does not know "f16c"
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

}  // namespace
#endif

const RowKernels* row_kernels(const char* name) {
#if defined(__x86_64__)
  if (name == std::string_view("avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? &row_kernels_avx512 : nullptr;
  if (name == std::string_view("avx2"))
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && converts_halves() ? &row_kernels_avx2 : nullptr;
#endif
  return name == std::string_view("portable") ? &row_kernels_portable : nullptr;
}

const RowKernels& row_kernels() {
  static const RowKernels& chosen = [&]() -> const RowKernels& {
    for (const char* name : {"avx512", "avx2"})
      if (const RowKernels* found = row_kernels(name)) return *found;
    return row_kernels_portable;
  }();
  return chosen;
}

}  // namespace luthier::serve
