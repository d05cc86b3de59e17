#include "actors/api/log_audit.hpp"

#include "events/log/anchor.hpp"

namespace luthier::api {

using rest::Json;

namespace {

// A verification has no other way to be left before its end; it holds nothing that unwinding would not give back.
struct BrokenOff {};

Json time_or_null(Timestamp time) { return time == 0 ? Json(nullptr) : Json(format_time(time)); }

Json report_json(const log::VerifyReport& report, Timestamp started, Timestamp finished) {
  return {{"ok", report.ok},
          {"position", report.head.position},
          {"hash", report.head.hash},
          {"first_bad_position", report.first_bad ? Json(*report.first_bad) : Json(nullptr)},
          {"findings", report.findings},
          {"notes", report.notes},
          {"started_at", time_or_null(started)},
          {"finished_at", time_or_null(finished)}};
}

}  // namespace

LogAudit::LogAudit(const log::EventLog& log, std::filesystem::path directory, const Platform& platform)
    : log_(log), directory_(std::move(directory)), platform_(platform), opened_(log.head()), opened_at_(platform.now()) {}

LogAudit::~LogAudit() {
  is_ending_ = true;
  if (thread_.joinable()) thread_.join();
}

Json LogAudit::status() const {
  const auto head = log_.head();
  const auto last_record = head.position > 0 ? log_.read(head.position, 1) : Result<std::vector<log::Record>>(std::vector<log::Record>());
  const bool has_record = last_record && !last_record->empty();
  Json status{{"head", {{"position", head.position}, {"hash", head.hash}, {"time", has_record ? Json(format_time(last_record->front().time)) : Json(nullptr)}}},
              {"anchor", nullptr},
              {"log_id", nullptr},
              {"opened", {{"position", opened_.position}, {"hash", opened_.hash}, {"at", format_time(opened_at_)}}},
              {"can_verify", !directory_.empty()}};
  if (!directory_.empty())
    if (const auto mark = log::read_anchor_file(directory_.parent_path() / "anchor"); mark && *mark) {
      status["anchor"] = {{"position", (*mark)->position}, {"hash", (*mark)->hash}};
      status["log_id"] = (*mark)->log_id;
    }
  const std::lock_guard lock(mutex_);
  status["running"] = is_running_ ? Json{{"started_at", format_time(started_at_)}, {"verified", verified_}, {"total", total_}} : Json(nullptr);
  status["last"] = last_ ? report_json(*last_, started_at_, finished_at_) : Json(nullptr);
  return status;
}

void LogAudit::start() {
  const std::lock_guard lock(mutex_);
  if (is_running_ || directory_.empty()) return;
  if (thread_.joinable()) thread_.join();  // it has ended: it says so as the last thing it does
  is_running_ = true;
  last_.reset();
  started_at_ = platform_.now();
  verified_ = 0;
  total_ = log_.head().position;
  thread_ = std::thread([this] { verify(); });
}

void LogAudit::verify() {
  log::VerifyOptions options;
  options.on_progress = [this](Position verified, Position total) {
    if (is_ending_) throw BrokenOff();
    const std::lock_guard lock(mutex_);
    verified_ = verified;
    total_ = total;
  };
  std::optional<log::VerifyReport> report;
  try {
    report = log::verify_log(directory_, options);
  } catch (const BrokenOff&) {
  }
  const std::lock_guard lock(mutex_);
  last_ = std::move(report);
  finished_at_ = platform_.now();
  is_running_ = false;
}

}  // namespace luthier::api
