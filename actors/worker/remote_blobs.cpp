#include "actors/worker/remote_blobs.hpp"

namespace luthier::worker {

Result<void> RemoteBlobs::materialise(const std::vector<events::File>& files, const std::filesystem::path& directory) {
  for (const auto& file : files)
    if (auto fetched = client_.fetch(file.digest, cache_); !fetched) return with_context(fetched.error(), file.path);
  return LocalBlobs(cache_).materialise(files, directory);
}

Result<events::File> RemoteBlobs::store(const std::filesystem::path& file, const std::string& path) {
  const auto blob = cache_.put_file(file);
  if (!blob) return blob.error();
  const auto sent = client_.store(blob->digest, cache_);
  if (!sent) return sent.error();
  return events::File{path, sent->digest, sent->size};
}

}  // namespace luthier::worker
