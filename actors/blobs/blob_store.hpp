// File contents, known by their SHA-256. A blob gets its name by an atomic rename after its bytes are on disk, with the
// digests of its 4 MiB chunks beside it, and what is read of it is verified.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "events/fileset/events.hpp"

namespace luthier::blobs {

class BlobReader;
class BlobWriter;
class IncomingFile;
struct ChunkList;

struct Blob {
  std::string digest;
  std::int64_t size = 0;
};

// blobs/sha256/ab/abcd…, blobs/sha256/ab/abcd….chunks, blobs/incoming/…
class BlobStore {
 public:
  static Result<BlobStore> open(const std::filesystem::path& directory);

  // Copies a file in (a hard link is never taken of a file that its owner may still change).
  Result<Blob> put_file(const std::filesystem::path& file) const;
  // Streams in: `read` fills a buffer and returns how many bytes, 0 at the end. `expected` empty: any digest.
  Result<Blob> put(const std::function<Result<std::size_t>(char* buffer, std::size_t size)>& read,
                   const std::string& expected_digest, std::int64_t bytes_max) const;

  // The same in pieces, over as long as it takes.
  Result<BlobWriter> writer() const;

  Result<std::optional<Blob>> find(const std::string& digest) const;  // invalid: not a digest
  // The same for one that is about to be named: for a while it is not idle.
  Result<std::optional<Blob>> claim(const std::string& digest) const;
  std::filesystem::path path_of(const std::string& digest) const;
  // Reads [offset, offset + length), verified by the chunks' digests; corrupt names the blob and the chunk.
  Result<std::string> read(const std::string& digest, std::int64_t offset, std::size_t length) const;
  // For many reads of one blob. not_found: it is not stored here.
  Result<BlobReader> reader(const std::string& digest) const;
  Result<void> verify(const std::string& digest) const;

  // Blobs that no directory outside the store has a link to, and that nobody has stored, claimed, linked to or unlinked since.
  std::vector<Blob> idle_since(std::chrono::system_clock::time_point time) const;
  // False: it is idle no more.
  Result<bool> remove_if_idle_since(const std::string& digest, std::chrono::system_clock::time_point time) const;

  // Makes `directory` hold exactly these files as hard links (copies across devices). Paths are checked: nothing escapes
  // it. A missing blob is not_found, naming path and digest.
  Result<void> materialise(const std::vector<events::File>& files, const std::filesystem::path& directory) const;

 private:
  friend class BlobWriter;
  explicit BlobStore(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Result<Blob> keep(IncomingFile incoming, const ChunkList& chunks) const;
  std::filesystem::path directory_;
};

}  // namespace luthier::blobs
