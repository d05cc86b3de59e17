// A blob store on another machine, over the control plane's HTTP interface: the same meaning as BlobStore. Each call
// connects anew, tries again a few times when the other side is away, and blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "actors/blobs/blob_store.hpp"
#include "events/base/result.hpp"

namespace luthier::blobs {

struct BlobClientOptions {
  std::string endpoint;              // "http://127.0.0.1:8080"
  std::string token;                 // what the gateway's token file holds
  std::int64_t blob_bytes_max = std::int64_t{1} << 40;
  int attempts = 5;
  std::chrono::milliseconds backoff{200};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds silence{60'000};  // between two pieces
};

class BlobClient {
 public:
  explicit BlobClient(BlobClientOptions options) : options_(std::move(options)) {}

  Result<std::optional<Blob>> find(const std::string& digest) const;
  // Brings the blob into a store of this machine, verified; does nothing when it is there. not_found names the digest.
  Result<Blob> fetch(const std::string& digest, const BlobStore& into) const;
  // Stores a blob of this machine's store over there; does nothing when it is there already.
  Result<Blob> store(const std::string& digest, const BlobStore& from) const;

 private:
  BlobClientOptions options_;
};

}  // namespace luthier::blobs
