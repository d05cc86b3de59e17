#include "actors/worker/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "events/base/file.hpp"

namespace luthier::worker {

Result<std::optional<FileLock>> FileLock::take(const std::filesystem::path& file, std::chrono::milliseconds patience) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return file_error(file, errno);
  FileLock lock(file, descriptor);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return file_error(file, errno);
    if (std::chrono::steady_clock::now() >= until) return std::optional<FileLock>();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return std::optional<FileLock>(std::move(lock));
}

FileLock::FileLock(FileLock&& other) noexcept
    : file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> FileLock::write(const std::string& content) {
  if (::ftruncate(descriptor_, 0) != 0) return file_error(file_, errno);
  if (::pwrite(descriptor_, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()))
    return file_error(file_, errno);
  return {};
}

}  // namespace luthier::worker
