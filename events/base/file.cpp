#include "events/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace luthier {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

template <class Bytes>
Result<Bytes> read_whole(const std::filesystem::path& path, std::size_t bytes_max) {
  // O_NONBLOCK: a pipe put in the place of a file must not hold us up before it is refused below.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return file_error(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return file_error(path, errno);
  if (!S_ISREG(status.st_mode)) return invalid(path.string() + ": is not a regular file");

  const Error too_long{ErrorCode::limit, path.string() + ": is longer than " + std::to_string(bytes_max) + " bytes", {}};
  if (static_cast<std::size_t>(status.st_size) > bytes_max) return too_long;
  Bytes bytes;
  std::size_t length = 0;
  // The size is a hint only: the file may grow while it is read, and files of /proc say 0.
  for (std::size_t room = static_cast<std::size_t>(status.st_size) + 1;; room = length + 65536) {
    bytes.resize(room);
    while (length < bytes.size()) {
      const auto got = ::read(file.get(), bytes.data() + length, bytes.size() - length);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return file_error(path, errno);
      if (got == 0) {
        bytes.resize(length);
        return bytes;
      }
      length += static_cast<std::size_t>(got);
      if (length > bytes_max) return too_long;
    }
  }
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

Error file_error(const std::filesystem::path& path, int error_number) {
  const bool absent = error_number == ENOENT || error_number == ENOTDIR;
  return {absent ? ErrorCode::not_found : ErrorCode::io,
          path.string() + ": " + std::generic_category().message(error_number), {}};
}

Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  return read_whole<std::vector<std::byte>>(path, bytes_max);
}

Result<std::string> read_text(const std::filesystem::path& path, std::size_t bytes_max) {
  return read_whole<std::string>(path, bytes_max);
}

DurableFile::DurableFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

DurableFile& DurableFile::operator=(DurableFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  path_ = std::move(other.path_);
  temporary_ = std::move(other.temporary_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  return *this;
}

DurableFile::~DurableFile() { discard(); }

void DurableFile::discard() {
  if (descriptor_ < 0) return;
  ::close(std::exchange(descriptor_, -1));
  ::unlink(temporary_.c_str());
}

Result<DurableFile> DurableFile::create(const std::filesystem::path& path, unsigned mode) {
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0;; ++attempt) {
    const auto temporary = directory_of(path) / ("." + path.filename().string() + ".tmp-" + std::to_string(::getpid()) +
                                                 "-" + std::to_string(counter++));
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (descriptor >= 0) return DurableFile(path, temporary, descriptor);
    // A process that was killed may have left this name behind, and its id came round again.
    if (errno != EEXIST || attempt == 100) return file_error(path, errno);
  }
}

Result<void> DurableFile::write(std::span<const std::byte> bytes) {
  assert(descriptor_ >= 0);
  while (!bytes.empty()) {
    const auto put = ::write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return file_error(path_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> DurableFile::commit() {
  assert(descriptor_ >= 0);
  // A failed sync is never tried again: the kernel has dropped the pages and would report success.
  if (::fsync(descriptor_) != 0) return file_error(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return file_error(path_, errno);
  ::close(std::exchange(descriptor_, -1));
  return sync_directory(directory_of(path_));
}

Result<void> write_file_durably(const std::filesystem::path& path, std::span<const std::byte> bytes, unsigned mode) {
  auto file = DurableFile::create(path, mode);
  if (!file) return file.error();
  if (auto written = file->write(bytes); !written) return written;
  return file->commit();
}

Result<void> write_file_durably(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  return write_file_durably(path, std::as_bytes(std::span(text)), mode);
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return file_error(directory, errno);
  // Some file systems refuse to sync a directory with EINVAL; they have nothing to offer beyond the rename.
  if (::fsync(opened.get()) != 0 && errno != EINVAL) return file_error(directory, errno);
  return {};
}

}  // namespace luthier
