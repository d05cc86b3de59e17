#include "actors/worker/local_blobs.hpp"

namespace luthier::worker {

Result<void> LocalBlobs::materialise(const std::vector<events::File>& files, const std::filesystem::path& directory) {
  // Links share the store's bytes: they are checked before anybody computes with them.
  for (const auto& file : files)
    if (auto ok = store_.verify(file.digest); !ok) return with_context(ok.error(), file.path);
  return store_.materialise(files, directory);
}

Result<events::File> LocalBlobs::store(const std::filesystem::path& file, const std::string& path) {
  const auto blob = store_.put_file(file);
  if (!blob) return blob.error();
  return events::File{path, blob->digest, blob->size};
}

}  // namespace luthier::worker
