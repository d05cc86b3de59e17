// The blob door of a worker on another machine: blobs are fetched over HTTP into a store of its own, and results go back
// the same way.
#pragma once

#include "actors/blobs/blob_client.hpp"
#include "actors/worker/local_blobs.hpp"

namespace luthier::worker {

class RemoteBlobs final : public BlobDoor {
 public:
  RemoteBlobs(blobs::BlobClient client, blobs::BlobStore cache) : client_(std::move(client)), cache_(std::move(cache)) {}
  Result<void> materialise(const std::vector<events::File>& files, const std::filesystem::path& directory) override;
  Result<events::File> store(const std::filesystem::path& file, const std::string& path) override;

 private:
  blobs::BlobClient client_;
  blobs::BlobStore cache_;
};

}  // namespace luthier::worker
