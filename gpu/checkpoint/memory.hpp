// How much memory there is, and large blocks of it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// What can be taken before the kernel kills somebody: the smaller of the machine's available memory and the room under
// the limits of this process's control groups. Page cache counts as free.
std::size_t free_memory_bytes();

// out_of_memory, "WHAT needs 12.0 GiB, 7.5 GiB are free", unless `needed` fits into `limit` (0: what is free now).
Result<void> check_memory(std::size_t needed, const std::string& what, std::size_t limit = 0);

// Zeroed values, aligned to 64 bytes at least.
Result<std::shared_ptr<float[]>> allocate_floats(std::size_t count, const std::string& what);

}  // namespace luthier::checkpoint
