// Where a task's files come from and where its results go: the control plane's blob store, on this disk or over HTTP.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "events/fileset/events.hpp"

namespace luthier::worker {

class BlobDoor {  // called from several threads; blocks
 public:
  virtual ~BlobDoor() = default;
  // Makes `directory` hold exactly these files, verified.
  virtual Result<void> materialise(const std::vector<events::File>& files, const std::filesystem::path& directory) = 0;
  // Stores the file and says what it is, under `path`. When it returns the blob is there to stay.
  virtual Result<events::File> store(const std::filesystem::path& file, const std::string& path) = 0;
};

}  // namespace luthier::worker
