#include "gpu/checkpoint/mapped_file.hpp"

#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "events/base/file.hpp"

namespace luthier::checkpoint {
namespace {

Result<std::span<const std::byte>> map(const std::filesystem::path& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return file_error(path, errno);
  if (!S_ISREG(status.st_mode)) return invalid(path.string() + ": is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return std::span<const std::byte>{};
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (start == MAP_FAILED) return file_error(path, errno);
  return std::span(static_cast<const std::byte*>(start), size);
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path, std::span<const std::byte> bytes)
    : path_(std::move(path)), bytes_(bytes) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe in the place of a file must not hold us up before it is refused.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return file_error(path, errno);
  auto bytes = map(path, descriptor);
  ::close(descriptor);  // the mapping stays
  if (!bytes) return bytes.error();
  return std::shared_ptr<const MappedFile>(new MappedFile(path, *bytes));
}

void let_go(std::span<const std::byte> mapped) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(mapped.data()), end = start + mapped.size();
  const auto first = (start + page - 1) / page * page, last = end / page * page;  // whole pages: others are shared with neighbours
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace luthier::checkpoint
