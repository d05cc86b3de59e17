#include "actors/worker/task_actor.hpp"

#include <caf/all.hpp>

#include "actors/bus/bus.hpp"
#include "actors/bus/subjects.hpp"
#include "actors/worker/messages.hpp"
#include "actors/worker/telemetry.hpp"
#include "events/base/overloaded.hpp"
#include "events/json/value.hpp"

namespace luthier::worker {
namespace {

class TaskShell {
 public:
  TaskShell(caf::event_based_actor* self, const TaskConfig& config, WorkerDoors doors, const Task& task, caf::actor host)
      : self_(self), config_(config), doors_(doors), task_(task), host_(std::move(host)),
        progress_(config.progress_spacing_min), log_(config.log_lines_per_second_max) {}

  void begin() {
    const auto address = caf::actor_cast<caf::actor_addr>(self_);  // weak: the runner may outlive us
    doors_.runner->start(task_, [address, id = task_.id](TaskEvent event) {
      if (const auto task = caf::actor_cast<caf::actor>(address))
        caf::anon_send(task, TaskNews{id, std::make_shared<const TaskEvent>(std::move(event))});
    });
    heard_at_ = now();
    if (watches()) self_->delayed_send(self_, config_.silence_max, SignsOfLife{});
  }

  void order(const Action& action) {
    std::visit(overloaded{
                   [&](const StartTask&) {},  // done in begin()
                   [&](const StopTask& stop) { doors_.runner->stop(stop.task, stop.why); },
                   [&](const LoadAdapter& load) { doors_.runner->load_adapter(load.task, load.adapter); },
                   [&](const UnloadAdapter& unload) { doors_.runner->unload_adapter(unload.task, unload.served_name); },
                   [&](const ForgetTask& forget) {
                     doors_.runner->forget(forget.task);
                     self_->quit();
                   },
                   [&](const SendBeat&) {},  // the host's
               },
               action);
  }

  void news(const TaskNews& news) {
    heard_at_ = now();
    if (const auto* line = std::get_if<ProgressLine>(news.event.get())) return progress(line->json);
    if (const auto* line = std::get_if<LogLine>(news.event.get())) return log(line->text);
    const auto* ended = std::get_if<ProcessEnded>(news.event.get());
    if (ended && is_stuck_ && ended->outcome == TaskReport::Outcome::stopped) return report_stuck();
    self_->send(host_, news);
  }

  void telemetry_due() {
    telemetry_is_due_ = false;
    if (auto line = progress_.take(now())) publish("progress", *line);
    expect_telemetry();
  }

  // A process that hangs (a dead device, a lost peer) is alive and does nothing: what counts is that it moves.
  void signs_of_life() {
    const auto silent = now() - heard_at_;
    if (silent < config_.silence_max) {
      self_->delayed_send(self_, std::chrono::duration_cast<Duration>(config_.silence_max) - silent, SignsOfLife{});
      return;
    }
    is_stuck_ = true;
    doors_.runner->stop(task_.id, StopWhy::stuck);
  }

  void close() { doors_.runner->stop(task_.id, StopWhy::lease_over); }  // nobody is left to watch it

 private:
  using Duration = caf::actor_clock::duration_type;
  caf::actor_clock::time_point now() const { return self_->clock().now(); }
  bool watches() const { return task_.id.kind == TaskKind::train && config_.silence_max.count() > 0; }

  void report_stuck() {
    ProcessEnded ended{TaskReport::Outcome::crashed, std::string(to_string(StopWhy::stuck)), true, {}, {}};
    self_->send(host_, TaskNews{task_.id, std::make_shared<const TaskEvent>(std::move(ended))});
  }

  void progress(const std::string& json) {
    if (json.size() < 2 || json.front() != '{') return;
    const bool is_empty = json[1] == '}';
    auto line = "{\"attempt\":" + std::to_string(task_.id.attempt) + (is_empty ? "" : ",") + json.substr(1);
    if (auto due = progress_.offer(std::move(line), now())) publish("progress", *due);
    expect_telemetry();
  }

  void log(const std::string& text) {
    if (!log_.allows(now())) return;
    if (const auto left_out = log_.take_left_out(); left_out > 0)
      publish_log("(" + std::to_string(left_out) + " lines left out here; the whole log is on the worker's disk)");
    publish_log(text);
  }

  void publish_log(const std::string& text) {
    std::string line = "{\"attempt\":" + std::to_string(task_.id.attempt) + ",\"worker\":";
    json::append(line, std::string_view(config_.worker));
    line += ",\"line\":";
    json::append(line, std::string_view(text));
    publish("log", line + "}");
  }

  void publish(std::string_view kind, std::string payload) {
    if (task_.id.kind != TaskKind::train) return;  // the contract has telemetry of jobs alone
    doors_.bus->publish({bus::telemetry_subject(task_.workspace, task_.name, kind), "", {}, std::move(payload)});
  }

  void expect_telemetry() {
    const auto due = progress_.due();
    if (!due || telemetry_is_due_) return;
    telemetry_is_due_ = true;
    self_->delayed_send(self_, std::max(*due - now(), Duration{0}), TelemetryDue{});
  }

  caf::event_based_actor* self_;
  TaskConfig config_;
  WorkerDoors doors_;
  Task task_;
  caf::actor host_;
  ProgressThrottle progress_;
  LogThrottle log_;
  caf::actor_clock::time_point heard_at_{};
  bool is_stuck_ = false, telemetry_is_due_ = false;
};

}  // namespace

caf::behavior task_actor(caf::event_based_actor* self, const TaskConfig& config, WorkerDoors doors, const Task& task,
                         const caf::actor& host) {
  auto shell = std::make_shared<TaskShell>(self, config, doors, task, host);
  self->attach_functor([shell](const caf::error&) { shell->close(); });
  shell->begin();
  return {
      [=](const TaskOrder& order) { shell->order(order.action); },
      [=](const TaskNews& news) { shell->news(news); },
      [=](const TelemetryDue&) { shell->telemetry_due(); },
      [=](const SignsOfLife&) { shell->signs_of_life(); },
  };
}

}  // namespace luthier::worker
