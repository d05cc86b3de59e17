#include "gpu/text/dataset_array.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "events/base/file.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t buffer_bytes = 1 << 20;

// A file that is gone when its descriptor is.
Result<int> open_nameless(const std::filesystem::path& wanted) {
  std::error_code error;
  const auto directory = wanted.empty() ? std::filesystem::temp_directory_path(error) : wanted;
  if (error) return Error{ErrorCode::io, "there is no directory for temporary files: " + error.message(), {}};
  const int nameless = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  std::string name = (directory / ".luthier-rows-XXXXXX").string();  // not every file system has files without a name
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) return file_error(directory, errno);
  ::unlink(name.c_str());
  return named;
}

}  // namespace

ScratchBytes::ScratchBytes(ScratchBytes&& other) noexcept { *this = std::move(other); }

ScratchBytes& ScratchBytes::operator=(ScratchBytes&& other) noexcept {
  if (this == &other) return *this;
  close();
  directory_ = std::move(other.directory_);
  buffer_ = std::move(other.buffer_);
  size_ = std::exchange(other.size_, 0);
  descriptor_ = std::exchange(other.descriptor_, -1);
  mapped_ = std::exchange(other.mapped_, nullptr);
  return *this;
}

ScratchBytes::~ScratchBytes() { close(); }

void ScratchBytes::close() {
  if (mapped_) ::munmap(mapped_, size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> ScratchBytes::append(const void* bytes, std::size_t count) {
  assert(!mapped_);
  if (buffer_.size() + count > buffer_bytes)
    if (auto flushed = flush(); !flushed) return flushed;
  const auto* begin = static_cast<const std::byte*>(bytes);
  buffer_.insert(buffer_.end(), begin, begin + count);
  size_ += count;
  return {};
}

// Written rather than mapped while it grows: a full disk is then an error, where a mapping would end the process.
Result<void> ScratchBytes::flush() {
  if (descriptor_ < 0) {
    auto opened = open_nameless(directory_);
    if (!opened) return opened.error();
    descriptor_ = *opened;
  }
  for (std::size_t done = 0; done < buffer_.size();) {
    const auto written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return with_context(file_error(directory_, errno), "a temporary file for the places of the rows");
    done += static_cast<std::size_t>(written);
  }
  buffer_.clear();
  return {};
}

Result<void> ScratchBytes::freeze() {
  if (descriptor_ < 0 || mapped_) return {};  // small: it stays in memory
  if (auto flushed = flush(); !flushed) return flushed;
  void* mapped = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (mapped == MAP_FAILED) return with_context(file_error(directory_, errno), "a temporary file for the places of the rows");
  mapped_ = static_cast<std::byte*>(mapped);
  buffer_ = {};
  return {};
}

}  // namespace luthier::text
