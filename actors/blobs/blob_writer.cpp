#include "actors/blobs/blob_writer.hpp"

namespace luthier::blobs {

Result<void> BlobWriter::write(std::string_view bytes) {
  digests_.update(bytes);
  size_ += static_cast<std::int64_t>(bytes.size());
  return file_.write(bytes);
}

Result<Blob> BlobWriter::finish(const std::string& expected_digest) {
  const auto chunks = digests_.finish();
  if (!expected_digest.empty() && chunks.blob != expected_digest)
    return invalid("the bytes have the digest " + chunks.blob + ", not " + expected_digest + ": send the file again", "digest");
  return store_.keep(std::move(file_), chunks);
}

}  // namespace luthier::blobs
