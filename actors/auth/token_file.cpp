#include "actors/auth/token_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "events/base/file.hpp"
#include "events/json/fields.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t file_bytes_max = 8 << 20;
constexpr auto lock_pause = std::chrono::milliseconds(10);

std::filesystem::path lock_of(const std::filesystem::path& file) { return std::filesystem::path(file) += ".lock"; }

Result<void> check_owner_and_mode(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return file_error(file, errno);
  if ((status.st_mode & 0077) != 0)
    return invalid(file.string() + ": is open to other users; run chmod 600 on it", "token_file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return invalid(file.string() + ": belongs to another user; run this as that user (only one's own file, or root's, is trusted)", "token_file");
  return {};
}

Result<void> make_directory(const std::filesystem::path& directory) {
  if (directory.empty() || ::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return file_error(directory, errno);
}

}  // namespace

Result<FileStamp> stamp_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    if (errno == ENOENT) return FileStamp{};
    return file_error(file, errno);
  }
  // The owner and the mode change the time of the inode, so they are seen as well.
  return FileStamp{{static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino), status.st_size, status.st_mtim.tv_sec,
                    status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec}};
}

Result<TokenFile> read_token_file(const std::filesystem::path& file) {
  if (auto ok = check_owner_and_mode(file); !ok) {
    if (ok.error().code == ErrorCode::not_found) return TokenFile{};
    return ok.error();
  }
  auto text = read_text(file, file_bytes_max);
  if (!text) return text.error();
  auto content = json::from_json<TokenFile>(*text, file.string());
  if (!content) return Error{ErrorCode::corrupt, file.string() + ": is not a file of tokens: " + content.error().message, "token_file"};
  if (content->version != 1)
    return Error{ErrorCode::corrupt, file.string() + ": has version " + std::to_string(content->version) + "; this program reads 1",
                 "token_file"};
  return content;
}

Result<void> write_token_file(const std::filesystem::path& file, const TokenFile& content) {
  const auto text = json::to_json(content) + "\n";
  // Larger than what is read again would lock everyone out.
  if (text.size() > file_bytes_max) return Error{ErrorCode::limit, file.string() + ": would be longer than 8 MiB; revoke some tokens", "tokens"};
  return write_file_durably(file, text, 0600);
}

Result<TokenFileLock> TokenFileLock::take(const std::filesystem::path& file, std::chrono::milliseconds patience) {
  if (auto ok = make_directory(file.parent_path()); !ok) return ok.error();
  const auto path = lock_of(file);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return file_error(path, errno);
  TokenFileLock lock(descriptor);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return file_error(path, errno);
    if (std::chrono::steady_clock::now() > deadline)
      return Error{ErrorCode::unavailable, path.string() + ": another process holds it", "token_file"};
    std::this_thread::sleep_for(lock_pause);
  }
  return lock;
}

TokenFileLock::~TokenFileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);  // which gives the lock back
}

}  // namespace luthier::auth
