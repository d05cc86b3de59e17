#include "gpu/serve/row_kernels.hpp"

#include <string_view>

#include "gpu/serve/row_kernels_sets.hpp"

namespace luthier::serve {

const RowKernels* row_kernels(const char* name) {
#if defined(__x86_64__)
  if (name == std::string_view("avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? &row_kernels_avx512 : nullptr;
  if (name == std::string_view("avx2"))
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") ? &row_kernels_avx2 : nullptr;
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
