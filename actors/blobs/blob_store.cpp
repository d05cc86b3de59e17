#include "actors/blobs/blob_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "actors/blobs/blob_reader.hpp"
#include "actors/blobs/blob_writer.hpp"
#include "actors/blobs/chunk_list.hpp"
#include "actors/blobs/descriptor.hpp"
#include "actors/blobs/digest.hpp"
#include "actors/blobs/incoming_file.hpp"
#include "events/base/file.hpp"

namespace luthier::blobs {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t chunk_list_bytes_max = 64 << 20;  // enough for a blob of 4 TiB

fs::path chunks_path(const fs::path& blob) { return blob.string() + ".chunks"; }

std::string short_name(const std::string& digest) { return "blob " + digest.substr(0, 12) + "…"; }

Error corrupt_blob(const std::string& digest, std::int64_t chunk) {
  return {ErrorCode::corrupt,
          short_name(digest) + " is damaged in chunk " + std::to_string(chunk) + " (bytes from " +
              std::to_string(chunk * chunk_bytes) + "): store the file again",
          {}};
}

Result<Descriptor> open_regular(const fs::path& file, std::int64_t* size) {
  Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened) return file_error(file, errno);
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return file_error(file, errno);
  if (!S_ISREG(status.st_mode)) return invalid(file.string() + ": is not a regular file");
  *size = status.st_size;
  return opened;
}

Result<std::size_t> read_some(int descriptor, const fs::path& file, char* buffer, std::size_t size) {
  while (true) {
    const auto got = ::read(descriptor, buffer, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return file_error(file, errno);
  }
}

// The digests of what is on disk now.
Result<ChunkList> digest_file(const fs::path& file) {
  std::int64_t size = 0;
  auto opened = open_regular(file, &size);
  if (!opened) return opened.error();
  ChunkedDigest digest;
  std::string buffer(1 << 20, '\0');
  while (true) {
    const auto got = read_some(opened->get(), file, buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) break;
    digest.update({buffer.data(), *got});
  }
  return digest.finish();
}

// The chunks of a blob that is there. A blob of one chunk needs no list: its own digest is the chunk's. A lost or damaged list is made
// again, if the blob itself is what it should be.
Result<ChunkList> chunks_of(const Blob& blob, const fs::path& file) {
  if (auto text = read_text(chunks_path(file), chunk_list_bytes_max))
    if (auto chunks = decode_chunks(*text); chunks && chunks->blob == blob.digest) return chunks;
  if (blob.size <= chunk_bytes) return ChunkList{blob.digest, blob.size, blob.size == 0 ? std::vector<std::string>() : std::vector{blob.digest}};
  auto now = digest_file(file);
  if (!now) return now.error();
  if (now->blob != blob.digest) return Error{ErrorCode::corrupt, short_name(blob.digest) + " is damaged: store the file again", {}};
  if (auto written = write_file_durably(chunks_path(file), encode(*now), 0444); !written) return written.error();
  return now;
}

}  // namespace

Result<BlobStore> BlobStore::open(const fs::path& directory) {
  for (const auto& made : {directory / "sha256", directory / "incoming"}) {
    std::error_code error;
    fs::create_directories(made, error);
    if (error) return file_error(made, error.value());
  }
  remove_abandoned(directory / "incoming");
  return BlobStore(directory);
}

namespace {

// A claim and a removal of the same blob are one after the other.
std::mutex& claims() {
  static std::mutex mutex;
  return mutex;
}

// A change of the links, and a claim, move the time of the last status change (ctime), which nobody can set back.
bool is_idle_since(const struct stat& status, std::chrono::system_clock::time_point time) {
  const auto changed = std::chrono::seconds(status.st_ctim.tv_sec) + std::chrono::nanoseconds(status.st_ctim.tv_nsec);
  return S_ISREG(status.st_mode) && status.st_nlink == 1 && changed < time.time_since_epoch();
}

}  // namespace

Result<std::optional<Blob>> BlobStore::claim(const std::string& digest) const {
  const std::lock_guard lock(claims());
  auto found = find(digest);
  if (!found || !*found) return found;
  const auto path = path_of(digest);
  if (::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0) return file_error(path, errno);
  return found;
}

std::vector<Blob> BlobStore::idle_since(std::chrono::system_clock::time_point time) const {
  std::vector<Blob> idle;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(directory_ / "sha256", error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    struct stat status {};
    if (is_digest(name) && ::lstat(entry->path().c_str(), &status) == 0 && is_idle_since(status, time)) idle.push_back({name, status.st_size});
  }
  return idle;
}

Result<bool> BlobStore::remove_if_idle_since(const std::string& digest, std::chrono::system_clock::time_point time) const {
  const auto path = path_of(digest);
  const std::lock_guard lock(claims());
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !is_idle_since(status, time)) return false;
  if (::unlink(path.c_str()) != 0) return file_error(path, errno);
  (void)::unlink(chunks_path(path).c_str());  // there is none of a small one
  return true;
}

fs::path BlobStore::path_of(const std::string& digest) const {
  if (!is_digest(digest)) return directory_ / "sha256" / "none";
  return directory_ / "sha256" / digest.substr(0, 2) / digest;
}

Result<Blob> BlobStore::put_file(const fs::path& file) const {
  std::int64_t size = 0;
  auto opened = open_regular(file, &size);
  if (!opened) return opened.error();
  // One byte more than the size now: a file that grows while it is read is refused, not stored in part.
  return put([&](char* buffer, std::size_t room) { return read_some(opened->get(), file, buffer, room); }, {}, size);
}

Result<Blob> BlobStore::put(const std::function<Result<std::size_t>(char* buffer, std::size_t size)>& read,
                            const std::string& expected_digest, std::int64_t bytes_max) const {
  if (!expected_digest.empty() && !is_digest(expected_digest))
    return invalid("a digest has 64 lower-case hexadecimal digits", "digest");
  auto writing = writer();
  if (!writing) return writing.error();
  std::string buffer(1 << 20, '\0');
  while (true) {
    const auto got = read(buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) return writing->finish(expected_digest);
    if (static_cast<std::int64_t>(*got) > bytes_max - writing->size())
      return Error{ErrorCode::limit, "the file has more than the " + std::to_string(bytes_max) + " bytes that it may have", {}};
    if (auto written = writing->write({buffer.data(), *got}); !written) return written.error();
  }
}

Result<BlobWriter> BlobStore::writer() const {
  auto incoming = IncomingFile::create(directory_ / "incoming");
  if (!incoming) return incoming.error();
  return BlobWriter(*this, std::move(*incoming));
}

Result<Blob> BlobStore::keep(IncomingFile incoming, const ChunkList& chunks) const {
  const auto& digest = chunks.blob;
  const auto target = path_of(digest);
  const Blob blob{digest, chunks.size};
  // A blob that is there already keeps its file, which filesets link to; a damaged one is replaced.
  if (const auto present = find(digest); present && *present && verify(digest))
    if (const auto kept = claim(digest); kept && *kept) return blob;
  std::error_code error;
  if (fs::create_directory(target.parent_path(), error) && !error) {
    if (auto synced = sync_directory(target.parent_path().parent_path()); !synced) return synced.error();
  }
  if (error) return file_error(target.parent_path(), error.value());
  // The list first: the blob's own name is the moment when it is there.
  if (chunks.size > chunk_bytes)
    if (auto written = write_file_durably(chunks_path(target), encode(chunks), 0444); !written) return written.error();
  if (auto published = incoming.publish(target); !published) return published.error();
  return blob;
}

Result<std::optional<Blob>> BlobStore::find(const std::string& digest) const {
  if (!is_digest(digest)) return invalid("a digest has 64 lower-case hexadecimal digits", "digest");
  struct stat status {};
  const auto path = path_of(digest);
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<Blob>();
    return file_error(path, errno);
  }
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::corrupt, path.string() + ": is not a regular file", {}};
  return std::optional(Blob{digest, status.st_size});
}

Result<BlobReader> BlobStore::reader(const std::string& digest) const {
  const auto found = find(digest);
  if (!found) return found.error();
  if (!*found) return Error{ErrorCode::not_found, short_name(digest) + " is not stored here", {}};
  const auto path = path_of(digest);
  auto chunks = chunks_of(**found, path);
  if (!chunks) return chunks.error();
  std::int64_t size = 0;
  auto opened = open_regular(path, &size);
  if (!opened) return opened.error();
  return BlobReader(path, std::move(*opened), std::move(*chunks));
}

Result<std::string> BlobStore::read(const std::string& digest, std::int64_t offset, std::size_t length) const {
  auto reading = reader(digest);
  if (!reading) return reading.error();
  std::string bytes;
  while (true) {
    const auto piece = reading->read(offset + static_cast<std::int64_t>(bytes.size()), length - bytes.size());
    if (!piece) return piece.error();
    if (piece->empty()) return bytes;
    bytes.append(*piece);
  }
}

Result<void> BlobStore::verify(const std::string& digest) const {
  const auto found = find(digest);
  if (!found) return found.error();
  if (!*found) return Error{ErrorCode::not_found, short_name(digest) + " is not stored here", {}};
  const auto now = digest_file(path_of(digest));
  if (!now) return now.error();
  if (now->blob == digest) return {};
  if (auto text = read_text(chunks_path(path_of(digest)), chunk_list_bytes_max))
    if (auto chunks = decode_chunks(*text); chunks && chunks->blob == digest)
      for (std::size_t i = 0; i < chunks->digests.size(); ++i)
        if (i >= now->digests.size() || now->digests[i] != chunks->digests[i])
          return corrupt_blob(digest, static_cast<std::int64_t>(i));
  return Error{ErrorCode::corrupt, short_name(digest) + " is damaged: store the file again", {}};
}

}  // namespace luthier::blobs
