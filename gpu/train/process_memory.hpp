// How much memory this process takes, as the kernel counts it.
#pragma once

#include <cstddef>

namespace luthier::train {

std::size_t resident_memory_bytes();  // now
// At most, since the program started; 0 where the kernel does not say. Not getrusage's, which remembers what ran in this process
// before the program did.
std::size_t peak_memory_bytes();


// What this process has freed and the allocator has kept: after much has been read and before more is taken.
void return_free_memory();

}  // namespace luthier::train
