// The digests of a blob's 4 MiB chunks, so that a part of a big blob is verified without reading all of it. Stored beside
// a blob of more than one chunk as text: a line "luthier chunks 1 DIGEST SIZE", a line for each chunk, and a line with the digest of all before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "events/base/sha256.hpp"

namespace luthier::blobs {

inline constexpr std::int64_t chunk_bytes = 4 << 20;

struct ChunkList {
  std::string blob;                  // its digest: the list of another blob is not believed
  std::int64_t size = 0;             // of the blob
  std::vector<std::string> digests;  // the last chunk may be shorter; an empty blob has none
};

std::string encode(const ChunkList& chunks);
Result<ChunkList> decode_chunks(std::string_view text);

// Digests of a stream of bytes: of the whole, and of its chunks.
class ChunkedDigest {
 public:
  void update(std::string_view bytes);
  ChunkList finish();

  // After the first chunk the same in two parts, which may run side by side.
  bool is_beyond_first_chunk() const { return !chunks_.digests.empty(); }
  void update_whole(std::string_view bytes);
  void update_chunks(std::string_view bytes);

 private:
  void count(std::size_t bytes);
  void end_chunk();
  Sha256 whole_, chunk_;
  std::int64_t in_chunk_ = 0;
  ChunkList chunks_;
};

}  // namespace luthier::blobs
