// Why queued jobs are not placed now: what the job manager has seen at its last look, for whoever asks. No fact, and kept nowhere.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace luthier::core {

class WaitingReasons {
 public:
  void set(std::map<std::string, std::string> by_job_id) {
    const std::lock_guard lock(mutex_);
    by_job_id_ = std::move(by_job_id);
  }
  std::map<std::string, std::string> get() const {
    const std::lock_guard lock(mutex_);
    return by_job_id_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> by_job_id_;
};

}  // namespace luthier::core
