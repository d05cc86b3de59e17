// A blob on its way into a store, written in as many pieces as its sender needs. Destroyed before its end it leaves nothing behind.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/blobs/blob_store.hpp"
#include "actors/blobs/chunk_list.hpp"
#include "actors/blobs/incoming_file.hpp"

namespace luthier::blobs {

class BlobWriter {
 public:
  Result<void> write(std::string_view bytes);
  std::int64_t size() const { return size_; }
  // The blob is there, and on disk. `expected_digest` empty: any digest. The last call.
  Result<Blob> finish(const std::string& expected_digest = {});

 private:
  friend class BlobStore;
  BlobWriter(BlobStore store, IncomingFile file) : store_(std::move(store)), file_(std::move(file)) {}

  BlobStore store_;
  IncomingFile file_;
  ChunkedDigest digests_;
  std::int64_t size_ = 0;
};

}  // namespace luthier::blobs
