#include "actors/blobs/blob_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "events/base/file.hpp"

namespace luthier::blobs {

Result<std::string_view> BlobReader::read(std::int64_t offset, std::size_t length) {
  if (offset < 0 || offset > size())
    return invalid("byte " + std::to_string(offset) + " is outside of the file, which has " + std::to_string(size()), "offset");
  if (offset == size() || length == 0) return std::string_view();
  if (auto loaded = load(offset / chunk_bytes); !loaded) return loaded.error();
  return std::string_view(loaded_).substr(static_cast<std::size_t>(offset % chunk_bytes), length);
}

Result<void> BlobReader::load(std::int64_t chunk) {
  if (chunk == loaded_chunk_) return {};
  loaded_chunk_ = -1;
  const auto begin = chunk * chunk_bytes;
  loaded_.resize(static_cast<std::size_t>(std::min(chunk_bytes, size() - begin)));
  for (std::size_t filled = 0; filled < loaded_.size();) {
    const auto got = ::pread(file_.get(), loaded_.data() + filled, loaded_.size() - filled, begin + static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path_, errno);
    if (got == 0) loaded_.resize(filled);  // shorter than it was: its digest will say so
    filled += static_cast<std::size_t>(got);
  }
  if (sha256_hex(loaded_) != chunks_.digests[static_cast<std::size_t>(chunk)])
    return Error{ErrorCode::corrupt, "blob " + chunks_.blob.substr(0, 12) + "… is damaged in chunk " + std::to_string(chunk) +
                                         " (bytes from " + std::to_string(begin) + "): store the file again", {}};
  loaded_chunk_ = chunk;
  return {};
}

}  // namespace luthier::blobs
