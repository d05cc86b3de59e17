// A fileset as a directory that programs can read. It is made anew beside the old one and takes its place at once: nothing
// is ever written through a path that somebody else has prepared.
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "actors/blobs/blob_store.hpp"
#include "actors/blobs/digest.hpp"
#include "events/base/file.hpp"

namespace luthier::blobs {
namespace fs = std::filesystem;
namespace {

class ScratchDirectory {
 public:
  static Result<ScratchDirectory> beside(const fs::path& directory) {
    static std::atomic<unsigned> counter{0};
    std::error_code error;
    fs::create_directories(directory.parent_path(), error);
    if (error) return file_error(directory.parent_path(), error.value());
    for (int attempt = 0;; ++attempt) {
      const auto path = directory.parent_path() / ("." + directory.filename().string() + ".new-" + std::to_string(::getpid()) +
                                                   "-" + std::to_string(counter++));
      if (::mkdir(path.c_str(), 0755) == 0) return ScratchDirectory(path);
      if (errno != EEXIST || attempt == 100) return file_error(path, errno);
    }
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// The last part is swapped with what stands there; the scratch directory's destructor removes that.
Result<void> take_place(const ScratchDirectory& made, const fs::path& directory) {
  if (::rename(made.path().c_str(), directory.c_str()) == 0) return {};  // nothing, or an empty directory, was there
  if (::renameat2(AT_FDCWD, made.path().c_str(), AT_FDCWD, directory.c_str(), RENAME_EXCHANGE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return file_error(directory, errno);
  // This file system cannot swap: there is a moment without the directory.
  const auto old = made.path().string() + ".old";
  if (::rename(directory.c_str(), old.c_str()) != 0 || ::rename(made.path().c_str(), directory.c_str()) != 0)
    return file_error(directory, errno);
  std::error_code ignored;
  fs::remove_all(old, ignored);
  return {};
}

Result<void> link_or_copy(const fs::path& blob, const fs::path& file) {
  if (::link(blob.c_str(), file.c_str()) == 0) return {};
  const bool cannot_link = errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP;
  if (!cannot_link) return file_error(file, errno);
  std::error_code error;
  if (!fs::copy_file(blob, file, error) || error) return file_error(file, error.value());
  return {};
}

}  // namespace

Result<void> BlobStore::materialise(const std::vector<events::File>& files, const fs::path& given) const {
  const auto directory = given.has_filename() ? given : given.parent_path();
  auto made = ScratchDirectory::beside(directory);
  if (!made) return made.error();
  for (const auto& file : files) {
    if (auto safe = check_path(file.path); !safe) return safe;
    const auto blob = find(file.digest);
    if (!blob) return with_context(blob.error(), file.path);
    if (!*blob)
      return Error{ErrorCode::not_found, file.path + ": its blob " + file.digest + " is not stored here: store the file again", {}};
    if (file.size >= 0 && (*blob)->size != file.size)
      return Error{ErrorCode::corrupt, file.path + ": its blob has " + std::to_string((*blob)->size) + " bytes and not " +
                                           std::to_string(file.size) + ": store the file again", {}};
    const auto target = made->path() / file.path;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (error) return invalid(file.path + ": a part of this path is a file already", "path");
    if (auto linked = link_or_copy(path_of(file.digest), target); !linked) return with_context(linked.error(), file.path);
  }
  return take_place(*made, directory);
}

}  // namespace luthier::blobs
