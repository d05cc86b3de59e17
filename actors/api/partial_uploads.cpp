#include "actors/api/partial_uploads.hpp"

#include <algorithm>

namespace luthier::api {

std::int64_t PartialUploads::received(const Key& key, std::int64_t total, Time now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  const auto found = uploads_.find(key);
  if (found == uploads_.end() || !found->second.upload || found->second.upload->total != total) return 0;
  return found->second.upload->writer.size();
}

Result<std::unique_ptr<PartialUpload>> PartialUploads::take(const Key& key, std::int64_t total, Time now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  auto& entry = uploads_.try_emplace(key).first->second;
  if (!entry.upload && entry.used != Time())
    return Error{ErrorCode::conflict, "another request is sending " + key.path + " now; wait for it", "path"};
  entry.used = now;
  auto upload = std::move(entry.upload);
  if (upload && upload->total != total) upload.reset();
  return upload;
}

void PartialUploads::put_back(const Key& key, std::unique_ptr<PartialUpload> upload, Time now) {
  const std::lock_guard lock(mutex_);
  if (!upload) {
    uploads_.erase(key);
    return;
  }
  uploads_[key] = {std::move(upload), now};
  drop_old(now);
}

// Those that a request has taken are not touched: it puts them back, or ends them.
void PartialUploads::drop_old(Time now) {
  std::erase_if(uploads_, [&](const auto& each) { return each.second.upload && now - each.second.used > bounds_.idle_max; });
  while (uploads_.size() > bounds_.uploads_max) {
    auto oldest = uploads_.end();
    for (auto each = uploads_.begin(); each != uploads_.end(); ++each)
      if (each->second.upload && (oldest == uploads_.end() || each->second.used < oldest->second.used)) oldest = each;
    if (oldest == uploads_.end()) return;
    uploads_.erase(oldest);
  }
}

}  // namespace luthier::api
