// A stored blob, open for reading. What is read is verified by the digests of its chunks, each once for reads that go forward; a chunk
// is never held as a whole. Used by one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "actors/blobs/chunk_list.hpp"
#include "actors/blobs/descriptor.hpp"
#include "events/base/result.hpp"

namespace luthier::blobs {

class BlobReader {
 public:
  std::int64_t size() const { return chunks_.size; }
  // Some of the bytes from `offset` on, at most `length`: valid until the next call. Empty at the end alone.
  // corrupt names the blob and the chunk.
  Result<std::string_view> read(std::int64_t offset, std::size_t length);

 private:
  friend class BlobStore;
  BlobReader(std::filesystem::path path, Descriptor file, ChunkList chunks)
      : path_(std::move(path)), file_(std::move(file)), chunks_(std::move(chunks)) {}
  Result<void> verify(std::int64_t chunk);
  Result<void> load(std::int64_t window);
  Error corrupt(std::int64_t chunk);

  std::filesystem::path path_;
  Descriptor file_;
  ChunkList chunks_;
  std::int64_t verified_chunk_ = -1, loaded_window_ = -1;
  std::vector<std::uint64_t> sums_;  // of the windows of the chunk that is verified
  std::string loaded_;               // the window
};

}  // namespace luthier::blobs
