// The telemetry of trainings, heard on the bus: their progress in memory, their log lines in files, both also across a restart. It is
// expendable: what comes too fast, or while the server is away, is not there.
//
//   telemetry/<job id>.progress.json   the curves, written about once a second while they change
//   telemetry/<owner>.jsonl            log lines, of a job or of what was sent to a fileset; see telemetry_log.hpp
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <thread>

#include "actors/api/job_telemetry.hpp"
#include "actors/bus/bus.hpp"
#include "actors/node/telemetry_log.hpp"
#include "actors/node/telemetry_progress.hpp"
#include "events/base/clock.hpp"
#include "events/world/command.hpp"
#include "projections/projections.hpp"

namespace luthier::node {

struct TelemetryOptions {
  std::filesystem::path directory;  // made when it is missing
  // Where a worker on this disk keeps its attempts: what came too fast for the bus is read from there when one has ended. Empty: nowhere.
  std::filesystem::path work = {};
  std::size_t jobs_max = 1'000;     // whose progress is kept in memory; that of others is read again when it is asked for
  std::size_t waiting_max = 20'000;  // messages that are not looked at yet; more are dropped
  std::int64_t log_bytes_max = telemetry_log_bytes_max;  // of a job
  std::function<void(std::string)> warn = nullptr;
};

// Bus, read models and clock outlive it. Any thread may call it.
class TelemetryStore final : public api::JobTelemetry {
 public:
  static Result<std::unique_ptr<TelemetryStore>> start(bus::Bus& bus, const projections::ReadModels& models, const Clock& clock,
                                                       TelemetryOptions options);
  ~TelemetryStore() override;

  std::optional<api::JobProgress> progress(const std::string& job_id) const override;
  api::LogPage logs(const std::string& owner, const api::LogQuery& query) const override;
  void add_logs(const std::string& owner, const std::vector<api::LogLine>& lines) override;

  // From the projector: what is deleted has no telemetry any more.
  void changed(std::span<const events::Fact> facts);
  // Returns when everything that has been heard so far is in memory and in the files. For tests.
  void settle() const;

 private:
  struct Job {
    std::string id;
    std::int64_t epochs = 0, steps = 0;
  };
  struct Entry {
    TrainingProgress progress;
    std::uint64_t changes = 0, written = 0, used = 0;
    bool is_on_disk() const { return changes == written; }
  };
  using Name = std::pair<std::string, std::string>;
  struct Ended {  // an attempt whose metrics are still to be read
    Name name;
    std::int64_t attempt = 0;
  };

  TelemetryStore(const projections::ReadModels& models, const Clock& clock, TelemetryOptions options);
  void hear(bus::Message message);
  void work();
  void take(const std::vector<bus::Message>& messages);
  void take_progress(const Name& name, const std::string& line);
  std::optional<Job> job_of(const Name& name) const;
  void read_metrics(const std::string& job_id) const;
  void read_all_metrics() const;
  Entry& entry_of(const Job& job) const;                                   // under mutex_
  void make_room() const;                                                  // under mutex_
  void write_progress();
  void forget(const std::string& owner);
  void sweep();
  std::shared_ptr<TelemetryLog> log_of(const std::string& owner) const;
  std::filesystem::path file_of(const std::string& owner, const char* ending) const { return options_.directory / (owner + ending); }
  void warn(const std::string& text) const;

  const projections::ReadModels& models_;
  const Clock& clock_;
  const TelemetryOptions options_;

  mutable std::mutex mutex_;  // of the progress and of the names
  mutable std::map<std::string, Entry> entries_;
  mutable std::uint64_t uses_ = 0;
  mutable std::map<Name, Job> jobs_;
  mutable std::map<std::string, Ended> ended_;  // by job
  std::set<std::string> forgotten_;  // while files are written, so that none of them comes back
  std::uint64_t jobs_changes_ = 0;  // so that a row that was read before a change is not remembered

  mutable std::mutex metrics_mutex_;  // who reads metrics holds it, so that whoever asks for them waits
  mutable std::mutex logs_mutex_;
  mutable std::map<std::string, std::shared_ptr<TelemetryLog>> logs_;

  mutable std::mutex waiting_mutex_;
  mutable std::condition_variable arrived_, settled_;
  std::deque<bus::Message> waiting_;
  bool is_working_ = false, is_ending_ = false;
  std::optional<std::chrono::steady_clock::time_point> sweep_at_ = std::chrono::steady_clock::now();  // of files that nobody owns
  std::size_t dropped_ = 0;

  std::thread worker_;
  std::unique_ptr<bus::Subscription> subscription_;
};

}  // namespace luthier::node
