#include "actors/node/data_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace luthier::node {
namespace {

Error io_error(const std::string& doing, const std::filesystem::path& path) {
  return {ErrorCode::io, doing + " " + path.string() + ": " + std::strerror(errno), ""};
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::take(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return io_error("cannot open", file);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    return Error{ErrorCode::conflict,
                 "process " + std::to_string(lock_holder(file)) + " uses " + file.parent_path().string() +
                     " already; stop it, or choose another --data", "data"};
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) < 0) {
    ::close(descriptor);
    return io_error("cannot write", file);
  }
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(descriptor));
}

DirectoryLock::~DirectoryLock() { ::close(descriptor_); }

int lock_holder(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const bool is_free = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  ::close(descriptor);
  if (is_free) return 0;
  int pid = 0;
  std::ifstream(file) >> pid;
  return pid;
}

Result<Layout> make_directories(const std::filesystem::path& root) {
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(root, failure);
  if (failure) return Error{ErrorCode::io, root.string() + ": " + failure.message(), "data"};
  const Layout layout{absolute.lexically_normal()};
  const auto parts = {layout.root, layout.blobs(), layout.filesets(), layout.work(), layout.nats(), layout.keys()};
  for (const auto& part : parts) {
    std::filesystem::create_directories(part, failure);
    if (failure) return Error{ErrorCode::io, "cannot make " + part.string() + ": " + failure.message(), "data"};
  }
  for (const auto& part : {layout.root, layout.nats(), layout.keys()})  // they hold credentials
    if (::chmod(part.c_str(), 0700) != 0) return io_error("cannot protect", part);
  return layout;
}

}  // namespace luthier::node
