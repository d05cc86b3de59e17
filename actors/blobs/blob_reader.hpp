// A stored blob, open for reading. What is read is verified by the digests of its chunks, each of which is read once for reads that go
// forward. Used by one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "actors/blobs/chunk_list.hpp"
#include "actors/blobs/descriptor.hpp"
#include "events/base/result.hpp"

namespace luthier::blobs {

class BlobReader {
 public:
  std::int64_t size() const { return chunks_.size; }
  // The bytes from `offset` on, up to the end of their chunk and at most `length`: valid until the next call. Empty at the end.
  // corrupt names the blob and the chunk.
  Result<std::string_view> read(std::int64_t offset, std::size_t length);

 private:
  friend class BlobStore;
  BlobReader(std::filesystem::path path, Descriptor file, ChunkList chunks)
      : path_(std::move(path)), file_(std::move(file)), chunks_(std::move(chunks)) {}
  Result<void> load(std::int64_t chunk);

  std::filesystem::path path_;
  Descriptor file_;
  ChunkList chunks_;
  std::string loaded_;
  std::int64_t loaded_chunk_ = -1;
};

}  // namespace luthier::blobs
