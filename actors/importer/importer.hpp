// Brings the files of filesets from where their storage says, and tells of it: each import is a job of the generic kind in the fileset's
// workspace, which shows its progress and by which it is cancelled or paused.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "actors/api/routes.hpp"
#include "actors/importer/plan.hpp"

namespace luthier::importer {

struct ImporterOptions {
  std::filesystem::path directory;  // for files on their way, of ours alone
  Patience patience = {};
  std::function<void(hub::Transfer&)> adjust = [](hub::Transfer&) {};  // of each transfer; for tests, which are impatient
  std::function<void(std::string)> warn = [](std::string) {};
};

class Importer {
 public:
  // All that `services` names outlives it, and the kinds of documents are declared.
  Importer(const api::Services& services, ImporterOptions options);
  ~Importer();

  // Once commands are answered. It works on a thread of its own.
  void start();
  void stop();  // within a second; what has come stays, and a start goes on with it

  // From the projector, for each commit, after the read models have it.
  void changed(std::span<const events::Fact> facts);

 private:
  using Name = std::pair<std::string, std::string>;  // workspace, name
  struct Candidate {
    Name fileset, job;
    std::uint64_t order = 0;  // the first to come is the first to be fetched
    bool is_needed = false, job_was_deleted = false;
    Tries tries;
  };
  // What was told since the thread last looked.
  struct Inbox {
    std::set<Name> filesets, needed, jobs, deleted_jobs;
    std::set<std::string> gone;  // ids of filesets
    bool empty() const { return filesets.empty() && needed.empty() && jobs.empty() && deleted_jobs.empty() && gone.empty(); }
  };
  enum class Interrupt { none, look_again, stop };

  void hear(const events::Fact& fact);

  void run();
  void recover();
  std::set<Name> all_needed() const;
  void end_orphaned_jobs();
  void remove_strays();
  bool wait_and_take();  // false: stop
  void take(const Inbox& inbox);
  void consider(const Name& fileset, bool is_needed);
  void forget(const std::string& id);
  std::optional<std::string> most_urgent() const;

  void attend(const std::string& id, Candidate& candidate);
  void want(Candidate& candidate);
  void make_job(const rest::Json& row, Candidate& candidate);
  void import(const std::string& id, const rest::Json& row, Candidate& candidate);
  Result<void> bring_all(const std::string& id, const rest::Json& row, Candidate& candidate);
  void end(const std::string& id, Candidate& candidate, api::ImportState state, const std::string& error);

  std::optional<events::StepStatus> job_status(const Name& job) const;
  void move_job(const Name& job, events::StepStatus to, const std::string& message = {});
  void report(const Name& job, const rest::Json& details);
  Result<void> submit(const Name& name, const std::string& entity, events::Command command, std::string id = {}, std::string causation = {});

  const api::Services services_;
  const ImporterOptions options_;
  std::map<std::string, Candidate> candidates_;  // by the id of the fileset; this and the next are of the thread alone
  std::uint64_t counter_ = 0;

  std::mutex mutex_;
  std::condition_variable told_;
  Inbox inbox_;
  std::string current_fileset_;  // the id of the one that is being attended to
  Name current_job_;
  std::atomic<Interrupt> interrupt_{Interrupt::none};
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace luthier::importer
