#include "gpu/text/dataset_lines.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "events/base/file.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t block_bytes = 1 << 20;

}  // namespace

Result<DataFile> DataFile::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer would hold us for ever
  if (descriptor < 0) return Error{ErrorCode::not_found, path.string() + " cannot be read", "data"};
  DataFile file(path, descriptor, 0);
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) return file_error(path, errno);
  if (!S_ISREG(about.st_mode)) return Error{ErrorCode::not_found, path.string() + " cannot be read: it is no regular file", "data"};
  file.size_ = static_cast<std::uint64_t>(about.st_size);
  return file;
}

DataFile::DataFile(DataFile&& other) noexcept : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

DataFile& DataFile::operator=(DataFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

DataFile::~DataFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::size_t> DataFile::read(std::uint64_t begin, char* bytes, std::size_t count) const {
  std::size_t done = 0;
  while (done < count) {
    const auto got = ::pread(descriptor_, bytes + done, count - done, static_cast<off_t>(begin + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<bool> DataLines::fill() {
  block_.resize(block_bytes);
  const auto got = file_.read(read_, block_.data(), block_bytes);
  if (!got) return got.error();
  block_.resize(*got);
  digest_.update(block_);
  read_ += *got;
  at_ = 0;
  return *got > 0;
}

void DataLines::take(std::string_view part) {
  next_begin_ += part.size();
  const auto room = line_bytes_max_ - line_.size();
  too_long_ = too_long_ || part.size() > room;
  line_ += part.substr(0, std::min(part.size(), room));
}

Result<bool> DataLines::next() {
  line_.clear();
  too_long_ = false;
  begin_ = next_begin_;
  while (true) {
    if (at_ == block_.size()) {
      const auto more = fill();
      if (!more) return more.error();
      if (!*more) break;
    }
    const std::string_view rest = std::string_view(block_).substr(at_);
    const auto end = rest.find('\n');
    take(rest.substr(0, end));
    at_ += std::min(end, rest.size());
    if (end == std::string_view::npos) continue;
    ++at_, ++next_begin_, ++number_;
    return true;
  }
  if (next_begin_ == begin_) return false;
  ++number_;
  return true;
}

}  // namespace luthier::text
