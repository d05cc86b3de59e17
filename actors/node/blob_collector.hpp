// Contents that nothing names any more are removed from the disk: those of files that were replaced or deleted, and those of uploads that
// no command ever followed. A blob stays while a fileset has it, while a job that has not ended was given it, and for an hour after the
// last of them (or after it was stored), so that a command on its way finds it. History keeps names and digests, not contents.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "actors/blobs/blob_store.hpp"
#include "events/log/event_log.hpp"
#include "projections/projections.hpp"

namespace luthier::node {

struct Collected {
  std::int64_t blobs = 0, bytes = 0;
};

// Removes what is named by nothing and was idle since `time`. An error: nothing was removed, because it could not be known what is named.
Result<Collected> collect_blobs(const blobs::BlobStore& store, const projections::ReadModels& models, const log::EventLog& log,
                                std::chrono::system_clock::time_point time, const std::function<bool()>& is_cancelled = nullptr);

class BlobCollector {
 public:
  // Looks now and then, in a thread of its own. All outlive it.
  BlobCollector(const blobs::BlobStore& store, const projections::ReadModels& models, const log::EventLog& log, std::function<void(std::string)> warn);
  ~BlobCollector();

 private:
  void work();
  bool is_ending();

  const blobs::BlobStore& store_;
  const projections::ReadModels& models_;
  const log::EventLog& log_;
  const std::function<void(std::string)> warn_;
  std::mutex mutex_;
  std::condition_variable ends_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace luthier::node
