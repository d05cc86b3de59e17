#include "actors/blobs/blob_writer.hpp"

#include <future>

namespace luthier::blobs {
namespace {

constexpr std::size_t split_bytes_min = 256 << 10;  // below it a thread costs more than it saves

}  // namespace

// Two digests and the file take one core longer than a disk or a network takes for the bytes: so they run side by side. Where the
// system has no thread left, they run one after the other.
Result<void> BlobWriter::write(std::string_view bytes) {
  size_ += static_cast<std::int64_t>(bytes.size());
  if (bytes.size() < split_bytes_min || !digests_.is_beyond_first_chunk()) {
    digests_.update(bytes);
    return file_.write(bytes);
  }
  auto chunks = std::async([&] { digests_.update_chunks(bytes); });
  auto file = std::async([&] { return file_.write(bytes); });
  digests_.update_whole(bytes);
  chunks.get();
  return file.get();
}

Result<Blob> BlobWriter::finish(const std::string& expected_digest) {
  const auto chunks = digests_.finish();
  if (!expected_digest.empty() && chunks.blob != expected_digest)
    return invalid("the bytes have the digest " + chunks.blob + ", not " + expected_digest + ": send the file again", "digest");
  return store_.keep(std::move(file_), chunks);
}

}  // namespace luthier::blobs
