#include "actors/blobs/incoming_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>

#include "events/base/file.hpp"

namespace luthier::blobs {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t begin_bytes = 16 << 20;

}  // namespace

Result<IncomingFile> IncomingFile::create(const fs::path& directory) {
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0;; ++attempt) {
    const auto path = directory / (std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".part");
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    const int failure = errno;
    if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      struct stat status {};
      // Between the two calls another process may have taken it for abandoned.
      if (::fstat(file.get(), &status) == 0 && status.st_nlink == 1) return IncomingFile(path, std::move(file));
    } else if (!file && failure != EEXIST) {
      return file_error(path, failure);
    }
    if (attempt == 1000) return Error{ErrorCode::io, directory.string() + ": no new file can be made here", {}};
  }
}

IncomingFile::~IncomingFile() {
  if (file_ && !path_.empty()) ::unlink(path_.c_str());
}

Result<void> IncomingFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return file_error(path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    written_ += put;
  }
  // The disk begins with what has come, so that the sync at the end has little left to wait for.
  if (written_ - begun_ >= begin_bytes) {
    ::sync_file_range(file_.get(), begun_, written_ - begun_, SYNC_FILE_RANGE_WRITE);
    begun_ = written_;
  }
  return {};
}

Result<void> IncomingFile::publish(const fs::path& target) {
  // Nobody changes a blob, not even through one of its names in a fileset.
  if (::fchmod(file_.get(), 0444) != 0 || ::fsync(file_.get()) != 0) return file_error(path_, errno);
  if (::rename(path_.c_str(), target.c_str()) != 0) return file_error(target, errno);
  path_.clear();
  return sync_directory(target.parent_path());
}

void remove_abandoned(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const Descriptor file(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
  }
}

}  // namespace luthier::blobs
