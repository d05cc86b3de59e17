#include "gpu/serve/memory.hpp"

#include <sys/mman.h>

#include <fstream>
#include <limits>
#include <string>
#include <utility>

namespace luthier::serve {
namespace {

std::string mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

std::size_t memory_available_bytes() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  std::size_t kibibytes = 0;
  for (std::string rest; info >> key >> kibibytes; std::getline(info, rest))
    if (key == "MemAvailable:") return kibibytes << 10;
  return 0;
}

Result<Memory> Memory::allocate(std::size_t floats, std::string_view what) {
  Memory memory;
  if (floats == 0) return memory;
  if (floats > std::numeric_limits<std::size_t>::max() / sizeof(float) / 2)
    return Error{ErrorCode::out_of_memory, std::string(what) + " needs more memory than can be addressed", {}};
  const std::size_t bytes = floats * sizeof(float);
  const std::size_t available = memory_available_bytes();
  const auto refused = [&] {
    return Error{ErrorCode::out_of_memory,
                 std::string(what) + " needs " + mebibytes(bytes) + ", but only " + mebibytes(available) + " are free", {}};
  };
  if (available != 0 && bytes > available) return refused();
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return refused();
  // A wish: without it everything works, slower. For an adapter's few megabytes the system may spend longer on moving other pages together
  // than a request does on reading them.
  constexpr std::size_t huge_pages_min = std::size_t{32} << 20;
  if (bytes >= huge_pages_min) ::madvise(at, bytes, MADV_HUGEPAGE);
  memory.data_ = static_cast<float*>(at);
  memory.floats_ = floats;
  return memory;
}

void Memory::populate() const {
#if defined(MADV_POPULATE_WRITE)
  if (data_ != nullptr) ::madvise(data_, bytes(), MADV_POPULATE_WRITE);  // older systems refuse, and fill page by page
#endif
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), floats_(std::exchange(other.floats_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(floats_, other.floats_);
  return *this;
}

Memory::~Memory() {
  if (data_ != nullptr) ::munmap(data_, bytes());
}

}  // namespace luthier::serve
