// The log lines of one job in one file, a JSON object a line. Bounded: when the file is full, its older half goes. What a crash cuts off
// is the last line, which is then left out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "actors/api/job_telemetry.hpp"
#include "events/base/result.hpp"

namespace luthier::node {

inline constexpr std::int64_t telemetry_log_bytes_max = 64 << 20;

// Any thread may call it.
class TelemetryLog {
 public:
  explicit TelemetryLog(std::filesystem::path file, std::int64_t bytes_max = telemetry_log_bytes_max)
      : file_(std::move(file)), bytes_max_(bytes_max) {}

  Result<void> append(const std::vector<api::LogLine>& lines);
  api::LogPage query(const api::LogQuery& query);
  void remove();

 private:
  struct Found {
    std::string timestamp;
    std::string line;
  };
  void index();  // what has been added to the file since the last look
  void count(std::string_view line, std::int64_t offset);
  void drop_older_half();
  void forget_index();

  const std::filesystem::path file_;
  const std::int64_t bytes_max_;
  std::mutex mutex_;
  // Of the part of the file that has been looked at.
  std::int64_t indexed_bytes_ = 0, lines_ = 0;
  std::vector<std::int64_t> marks_;  // where every 256th line begins
  bool is_sorted_ = true;
  std::string last_timestamp_;
};

}  // namespace luthier::node
