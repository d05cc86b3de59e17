// What a worker decides, without time, threads or I/O: it compares the tasks that a lease names with those it has, and
// says what to do. Every call gives the actions that follow from it; asking again gives none.
//
// Two things never happen: two processes for one job or deployment, or on one device two training processes.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/worker/doors.hpp"

namespace luthier::worker {

struct StartTask {
  Task task;
};
struct StopTask {
  TaskId task;
  StopWhy why = StopWhy::withdrawn;
};
struct LoadAdapter {
  TaskId task;
  AdapterWish adapter;
};
struct UnloadAdapter {
  TaskId task;
  std::string served_name;
};
struct ForgetTask {  // it has ended, and nobody asks for it any more
  TaskId task;
};
struct SendBeat {};  // the reports have changed
using Action = std::variant<StartTask, StopTask, LoadAdapter, UnloadAdapter, ForgetTask, SendBeat>;
using Actions = std::vector<Action>;

// The attempts that have ended and been forgotten: a late message must not start one of them again. Bounded.
class EndedAttempts {
 public:
  explicit EndedAttempts(std::size_t entities_max = 4096) : entities_max_(entities_max) {}
  void remember(const TaskId& task);
  bool has(const TaskId& task) const;  // this attempt, or a later one of the same entity

 private:
  using Entity = std::pair<TaskKind, std::string>;
  std::size_t entities_max_;
  std::map<Entity, std::int64_t> attempts_;
  std::deque<Entity> order_;  // of the first remembering
};

class WorkerCore {
 public:
  WorkerCore(std::string incarnation, std::set<std::string> devices);

  // `holds`: it answers a beat sent so lately that it has not run out. A hint never holds.
  Actions lease(const Lease& lease, bool holds);
  Actions lease_over();
  Actions event(const TaskId& task, const TaskEvent& event);
  Actions leave();  // stops everything and starts nothing more

  std::vector<TaskReport> reports() const;
  bool is_leased() const { return is_leased_; }
  bool has_processes() const;

 private:
  using Entity = std::pair<TaskKind, std::string>;
  struct Known {
    Task task;
    TaskReport report;
    std::optional<StopWhy> stopping;
    // Of a server: what it has, what it refused, and what it is being asked now.
    std::map<std::string, std::string> loaded;                          // served name -> key
    std::map<std::string, std::pair<std::string, std::string>> failed;  // served name -> key, error
    std::set<std::string> asked, unload_failed;
    bool is_alive() const { return report.state != TaskReport::State::ended; }
  };

  bool is_news(const Lease& lease) const;
  void want(const std::vector<Task>& tasks);
  const Task* wanted(const TaskId& task) const;
  bool has_living_relative(const Task& task) const;
  void compare(Actions& actions);
  void let_go(Actions& actions);
  void take_up(const Task& task, Actions& actions);
  void follow(Known& known, const Task& task, Actions& actions);
  void follow_adapters(Known& known, Actions& actions);
  void record_ended(const Task& task, TaskReport::Outcome outcome, std::string reason, bool retryable, Actions& actions);
  void stop(Known& known, StopWhy why, Actions& actions);
  bool apply(Known& known, const TaskEvent& event);  // true: the report has changed

  std::string incarnation_;
  std::set<std::string> devices_;
  std::int64_t sequence_ = 0;   // of the last lease applied
  std::int64_t position_ = 0;   // of the log, of the last tasks applied
  bool is_leased_ = false, is_leaving_ = false;
  std::map<Entity, Task> wanted_;   // the highest attempt of each entity
  std::map<TaskId, Known> known_;
  EndedAttempts ended_;
};

}  // namespace luthier::worker
