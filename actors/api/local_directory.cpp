#include "actors/api/local_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "actors/blobs/descriptor.hpp"
#include "actors/blobs/digest.hpp"
#include "events/base/file.hpp"
#include "events/base/sha256.hpp"

namespace luthier::api {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::int64_t range_bytes_max = 64 << 20;

std::string tag_of(const struct stat& status) {
  return "\"" + std::to_string(status.st_ino) + "-" + std::to_string(status.st_size) + "-" + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec) + "\"";
}

Error changed(const hub::RemoteFile& file) {
  return {ErrorCode::conflict, file.path + " has changed since the directory was listed: import it anew", "path"};
}

Result<blobs::Descriptor> open_in(const fs::path& directory, const std::string& path) {
  blobs::Descriptor at(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return file_error(directory, errno);
  for (std::size_t begin = 0;;) {
    const auto end = path.find('/', begin);
    const auto part = path.substr(begin, end - begin);
    const int kind = end == path.npos ? O_NONBLOCK : O_DIRECTORY;  // a pipe in the place of a file must not hold us up
    blobs::Descriptor next(::openat(at.get(), part.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind));
    if (!next) return file_error(directory / path, errno);
    at = std::move(next);
    if (end == path.npos) return at;
    begin = end + 1;
  }
}

// Open, and still what the listing says.
Result<blobs::Descriptor> open_listed(const fs::path& directory, const hub::RemoteFile& file) {
  if (auto fine = blobs::check_path(file.path); !fine) return fine.error();
  auto opened = open_in(directory, file.path);
  if (!opened) return opened;
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0) return file_error(directory / file.path, errno);
  if (!S_ISREG(status.st_mode) || tag_of(status) != file.etag) return changed(file);
  return opened;
}

Result<std::size_t> read_at(const blobs::Descriptor& from, const hub::RemoteFile& file, char* to, std::size_t size, std::int64_t offset) {
  const auto got = ::pread(from.get(), to, size, offset);
  if (got < 0) return file_error(file.path, errno);
  if (got == 0) return changed(file);
  return static_cast<std::size_t>(got);
}

}  // namespace

Result<hub::Listing> list_directory(const fs::path& directory, const hub::Transfer& transfer) {
  hub::Listing listing;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error), end;
  if (error) return invalid(directory.string() + " cannot be listed: " + error.message(), "path");
  for (; !error && entry != end; entry.increment(error)) {
    struct stat status {};
    if (::lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const auto path = entry->path().lexically_relative(directory).generic_string();
    if (auto fine = blobs::check_path(path); !fine) return with_context(fine.error(), directory.string());
    if (listing.files.size() == transfer.files_max)
      return Error{ErrorCode::limit, directory.string() + ": it has more than " + std::to_string(transfer.files_max) + " files, which is as many as can be imported",
                   "files"};
    listing.files.push_back({path, status.st_size, {}, {}, tag_of(status)});
  }
  if (error) return invalid(directory.string() + " cannot be listed to its end: " + error.message(), "path");
  std::sort(listing.files.begin(), listing.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return listing;
}

Result<std::string> copy_file_of(const fs::path& directory, const hub::RemoteFile& file, const fs::path& to, const hub::Transfer& transfer) {
  const auto from = open_listed(directory, file);
  if (!from) return from.error();
  auto out = DurableFile::create(to, 0600);
  if (!out) return out.error();
  Sha256 hash;
  std::string buffer(piece_bytes, '\0');
  for (std::int64_t at = 0; at < file.size;) {
    if (transfer.cancel && transfer.cancel()) return Error{ErrorCode::cancelled, "the copy was cancelled", {}};
    const auto wanted = std::min<std::int64_t>(file.size - at, static_cast<std::int64_t>(buffer.size()));
    const auto got = read_at(*from, file, buffer.data(), static_cast<std::size_t>(wanted), at);
    if (!got) return got.error();
    const std::string_view piece(buffer.data(), *got);
    hash.update(piece);
    if (auto written = out->write(std::as_bytes(std::span(piece))); !written) return written.error();
    at += static_cast<std::int64_t>(*got);
    if (transfer.progress) transfer.progress(at);
  }
  if (auto done = out->commit(); !done) return done.error();
  return hash.hex();
}

Result<std::string> read_range_of(const fs::path& directory, const hub::RemoteFile& file, std::int64_t offset, std::int64_t length) {
  if (offset < 0 || length < 0 || offset > file.size || length > file.size - offset || length > range_bytes_max)
    return invalid(file.path + ": the range is not within it", "range");
  const auto from = open_listed(directory, file);
  if (!from) return from.error();
  std::string bytes(static_cast<std::size_t>(length), '\0');
  for (std::size_t have = 0; have < bytes.size();) {
    const auto got = read_at(*from, file, bytes.data() + have, bytes.size() - have, offset + static_cast<std::int64_t>(have));
    if (!got) return got.error();
    have += *got;
  }
  return bytes;
}

}  // namespace luthier::api
