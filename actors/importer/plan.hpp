// What an import does next: decided on what is seen, without I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/api/import_state.hpp"
#include "events/base/result.hpp"
#include "events/platform_job/status.hpp"

namespace luthier::importer {

using Time = std::chrono::steady_clock::time_point;

inline constexpr const char* step_name = "import";  // of the job, and of its one task

// "import-qwen3-1a2b3c4d": a name that the fileset's own makes readable, and its id unique.
std::string job_name(const std::string& fileset, const std::string& fileset_id);

struct Seen {
  api::ImportState state = api::ImportState::listed;
  bool is_needed = false;                  // by its own wish, a model or a job
  std::optional<events::StepStatus> job;   // of the import's job; nullopt: there is none
  bool job_was_deleted = false;            // by somebody, while the import went on
};
enum class Next {
  leave,     // nothing, now and later
  want,      // say that it is to be imported
  make_job,
  fetch,
  stand_by,  // until the job moves
  pause,
  cancel,
  settle,    // the import has ended, and its job does not say so yet
};
Next next_of(const Seen& seen);

// The statuses through which a step comes from one to the other, the last included; empty: it is there, or there is no way.
std::vector<events::StepStatus> way(events::StepStatus from, events::StepStatus to);

// Trying again: a store or a disk that does not answer now may do so later. Progress forgets what went before.
struct Patience {
  std::vector<std::chrono::milliseconds> waits{std::chrono::seconds(5), std::chrono::seconds(20), std::chrono::seconds(60), std::chrono::seconds(120)};
};
bool may_pass(const Error& error);
class Tries {
 public:
  bool is_due(Time now) const { return now >= due_; }
  Time due() const { return due_; }
  std::size_t failed_in_a_row() const { return failed_; }
  void wait_until(Time when) { due_ = when; }
  void postpone() { due_ = Time::max(); }  // until somebody says otherwise
  void now() { due_ = Time(); }
  void there_was_progress() { failed_ = 0; }
  // How long to wait; nullopt: it was tried often enough.
  std::optional<std::chrono::milliseconds> failed(Time now, const Patience& patience);

 private:
  Time due_{};
  std::size_t failed_ = 0;
};

// Each report is an event for ever: at most one a second, and of a long import about one for each per cent.
class ReportPace {
 public:
  explicit ReportPace(std::int64_t bytes_total) : bytes_step_(bytes_total / 100) {}
  bool is_due(Time now, std::int64_t bytes_done);

 private:
  std::int64_t bytes_step_, bytes_told_ = 0;
  std::optional<Time> told_;
};

}  // namespace luthier::importer
