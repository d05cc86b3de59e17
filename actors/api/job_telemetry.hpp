// What trainings tell while they run: steps, losses, rates, log lines. Kept beside the log of events and expendable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace luthier::api {

struct Point {
  std::int64_t step = 0, epoch = 0;
  double value = 0;
};

struct JobProgress {
  std::int64_t step = 0, max_steps = 0, epoch = 0, num_epochs = 0;
  std::optional<double> train_loss, lr, grad_norm, val_loss;
  double tokens_per_second = 0;
  std::optional<double> seconds_left;
  std::vector<Point> train_losses, val_losses;  // thinned out: the whole curve, at most 1,000 points
  std::string phase;  // of the training process: "starting", "training", …
};

struct LogLine {
  std::string timestamp;  // "2026-11-23T20:15:04.123456Z"
  std::string attempt;    // its number
  std::string job, step, task, message;  // names; those of a training's lines are empty: its job and step are known to whoever asks
};

struct LogQuery {
  // Columns of a LogLine ("timestamp", "attempt", "job", "step", "task", "message") and what they are to be equal to.
  std::vector<std::pair<std::string, std::string>> where = {};
  std::int64_t offset = 0, limit = 100;
};

struct LogPage {
  std::vector<LogLine> lines;
  std::int64_t total = 0;  // that the query fits
};

// Any thread may call it.
class JobTelemetry {
 public:
  virtual ~JobTelemetry() = default;
  virtual std::optional<JobProgress> progress(const std::string& job_id) const = 0;
  // Lines in the order of their timestamps. `owner` is the id of a fine-tuning job, or of the fileset that lines were sent to.
  virtual LogPage logs(const std::string& owner, const LogQuery& query) const = 0;
  virtual void add_logs(const std::string& owner, const std::vector<LogLine>& lines) = 0;
};

}  // namespace luthier::api
