#include "actors/hub/partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "events/base/file.hpp"
#include "events/base/sha256.hpp"

namespace luthier::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t note_bytes_max = 16 * 1024;

fs::path part_of(const fs::path& target) {
  const auto name = target.filename().string();
  return target.parent_path() / ("." + name.substr(0, 200) + "." + sha256_hex(name).substr(0, 16) + ".part");
}

// The name may have been given to another file between our opening and our locking it.
bool is_still(const fs::path& path, int descriptor) {
  struct stat opened {}, named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

}  // namespace

fs::path PartialFile::note() const { return fs::path(path_) += "-note"; }

Result<PartialFile> PartialFile::open(const fs::path& target, std::string_view identity) {
  if (target.filename().empty()) return invalid(target.string() + " does not name a file");
  std::error_code error;
  if (target.has_parent_path()) fs::create_directories(target.parent_path(), error);
  if (error) return file_error(target.parent_path(), error.value());
  const auto path = part_of(target);
  for (int attempt = 0; attempt < 100; ++attempt) {
    blobs::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
    if (!file) return file_error(path, errno);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) break;
    if (!is_still(path, file.get())) continue;
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return invalid(path.string() + " is in the way: it is no regular file");
    PartialFile made(target, path, sha256_hex(identity), std::move(file));
    made.size_ = status.st_size;
    made.read_note();
    return made;
  }
  return Error{ErrorCode::conflict, target.string() + ": it is being fetched already", "path"};
}

// Without a note that fits, what is there is part of something else.
void PartialFile::read_note() {
  const auto text = read_text(note(), note_bytes_max);
  const auto line = text ? text->find('\n') : std::string::npos;
  if (line != std::string::npos && text->substr(0, line) == identity_)
    validator_ = text->substr(line + 1);
  else
    size_ = 0;
}

Result<void> PartialFile::restart(const std::string& validator, bool with_note) {
  std::error_code ignored;
  fs::remove(note(), ignored);  // first: at no time may it stand beside other bytes
  if (::ftruncate(file_.get(), 0) != 0) return file_error(path_, errno);
  size_ = 0;
  validator_ = validator;
  return with_note ? write_file_durably(note(), identity_ + "\n" + validator) : Result<void>();
}

Result<void> PartialFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(file_.get(), bytes.data(), bytes.size(), size_);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return file_error(path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    size_ += put;
  }
  return {};
}

Result<void> PartialFile::read(const std::function<Result<void>(std::string_view)>& piece) const {
  std::vector<char> buffer(1 << 20);
  for (std::int64_t at = 0; at < size_;) {
    const auto wanted = std::min<std::int64_t>(size_ - at, static_cast<std::int64_t>(buffer.size()));
    const auto got = ::pread(file_.get(), buffer.data(), static_cast<std::size_t>(wanted), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path_, errno);
    if (got == 0) return Error{ErrorCode::io, path_.string() + ": somebody shortens it", {}};
    if (auto taken = piece({buffer.data(), static_cast<std::size_t>(got)}); !taken) return taken;
    at += got;
  }
  return {};
}

Result<void> PartialFile::publish() {
  if (::ftruncate(file_.get(), size_) != 0 || ::fsync(file_.get()) != 0) return file_error(path_, errno);
  if (::rename(path_.c_str(), target_.c_str()) != 0) return file_error(target_, errno);
  std::error_code ignored;
  fs::remove(note(), ignored);
  return sync_directory(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
}

void PartialFile::remove() {
  std::error_code ignored;
  fs::remove(note(), ignored);
  fs::remove(path_, ignored);
}

}  // namespace luthier::hub
