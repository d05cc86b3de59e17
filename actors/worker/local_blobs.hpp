// The blob door of a worker that shares the control plane's disk.
#pragma once

#include "actors/blobs/blob_store.hpp"
#include "actors/worker/blob_door.hpp"

namespace luthier::worker {

class LocalBlobs final : public BlobDoor {
 public:
  explicit LocalBlobs(blobs::BlobStore store) : store_(std::move(store)) {}
  Result<void> materialise(const std::vector<events::File>& files, const std::filesystem::path& directory) override;
  Result<events::File> store(const std::filesystem::path& file, const std::string& path) override;

 private:
  blobs::BlobStore store_;
};

}  // namespace luthier::worker
