// Verifies the log in the background, one verification at a time, while the server works on.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "actors/api/platform.hpp"
#include "actors/rest/json.hpp"
#include "events/log/verify.hpp"

namespace luthier::api {

class LogAudit {
 public:
  // All outlive it. `directory`: the log's own; empty: nothing can be verified here.
  LogAudit(const log::EventLog& log, std::filesystem::path directory, const Platform& platform);
  ~LogAudit();  // breaks off a verification that runs

  // {"head", "anchor", "log_id", "opened", "can_verify", "running", "last"}
  rest::Json status() const;
  void start();  // one that runs already goes on

 private:
  void verify();

  const log::EventLog& log_;
  const std::filesystem::path directory_;
  const Platform& platform_;
  const log::Head opened_;  // opening a log verifies its whole chain
  const Timestamp opened_at_;

  mutable std::mutex mutex_;
  std::thread thread_;
  bool is_running_ = false;
  Timestamp started_at_ = 0, finished_at_ = 0;
  Position verified_ = 0, total_ = 0;
  std::optional<log::VerifyReport> last_;
  std::atomic<bool> is_ending_ = false;
};

}  // namespace luthier::api
