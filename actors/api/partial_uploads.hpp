// Uploads that come in several requests, each with a range of the file. What has arrived is kept between them: as long as the process
// lives, within bounds on their number and their age.
//
//   PUT …/-/{path}  Content-Range: bytes 0-99/1000     202 {"path", "received": 100, "total": 1000}, header Upload-Offset: 100
//   PUT …/-/{path}  Content-Range: bytes */1000        the same: how far it is (received 0: nothing is kept)
//   PUT …/-/{path}  Content-Range: bytes 100-999/1000  200, the file
//
// A range must begin where the last one ended (else 416 with Upload-Offset), or at 0, which begins anew. When a connection breaks, what
// came through it counts.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/blobs/blob_writer.hpp"

namespace luthier::api {

struct PartialUpload {
  blobs::BlobWriter writer;
  std::int64_t total = 0;
};

class PartialUploads {
 public:
  struct Key {
    std::string caller, fileset_id, path;
    auto operator<=>(const Key&) const = default;
  };
  using Time = std::chrono::steady_clock::time_point;
  struct Bounds {
    std::size_t uploads_max = 64;           // beyond it, the one that was left alone longest goes
    std::chrono::hours idle_max{24};
  };

  PartialUploads() : PartialUploads(Bounds()) {}
  explicit PartialUploads(Bounds bounds) : bounds_(bounds) {}

  // How many bytes have arrived of an upload of that length.
  std::int64_t received(const Key& key, std::int64_t total, Time now);
  // Takes it out for a request that goes on with it; null: there is none of that length. conflict: another request has it.
  Result<std::unique_ptr<PartialUpload>> take(const Key& key, std::int64_t total, Time now);
  // Puts it back, with what arrived; null: it is done, or given up. To be called for every key that was taken.
  void put_back(const Key& key, std::unique_ptr<PartialUpload> upload, Time now);

 private:
  struct Entry {
    std::unique_ptr<PartialUpload> upload;  // null: taken
    Time used;
  };
  void drop_old(Time now);

  const Bounds bounds_;
  std::mutex mutex_;
  std::map<Key, Entry> uploads_;
};

}  // namespace luthier::api
