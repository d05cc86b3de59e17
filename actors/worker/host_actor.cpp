#include "actors/worker/host_actor.hpp"

#include <caf/all.hpp>
#include <deque>

#include "actors/bus/bus.hpp"
#include "actors/bus/subjects.hpp"
#include "actors/worker/messages.hpp"
#include "actors/worker/spawn_mode.hpp"
#include "actors/worker/task_actor.hpp"
#include "events/base/overloaded.hpp"

namespace luthier::worker {
namespace {

using Monotonic = caf::actor_clock::time_point;

// When the beats were sent that a lease may still answer.
class SentBeats {
 public:
  void sent(std::int64_t sequence, Monotonic at) {
    beats_.push_back({sequence, at});
    if (beats_.size() > beats_max) beats_.pop_front();
  }
  std::optional<Monotonic> when(std::int64_t sequence) const {
    for (const auto& beat : beats_)
      if (beat.sequence == sequence) return beat.at;
    return std::nullopt;
  }

 private:
  struct Sent {
    std::int64_t sequence;
    Monotonic at;
  };
  static constexpr std::size_t beats_max = 1024;
  std::deque<Sent> beats_;
};

std::set<std::string> device_ids(const std::vector<events::Device>& devices) {
  std::set<std::string> ids;
  for (const auto& device : devices) ids.insert(device.id);
  return ids;
}

class Host {
 public:
  Host(caf::event_based_actor* self, WorkerConfig config, WorkerDoors doors, SpawnMode mode)
      : self_(self), config_(std::move(config)), doors_(doors), mode_(mode),
        core_(config_.incarnation, device_ids(config_.devices)) {}

  void begin() {
    self_->send(self_, BeatDue{true});
  }

  void beat_due(bool is_regular) {
    if (is_regular) self_->delayed_send(self_, config_.beat_interval, BeatDue{true});
    if (!is_regular) change_is_due_ = false;
    listen();
    send_beat(false);
  }

  void lease_arrived(const std::string& payload) {
    auto lease = decode_lease(payload);
    if (!lease) return;  // whoever sent it: no lease, no effect
    const bool holds = extend(*lease);
    perform(core_.lease(*lease, holds));
  }

  void check_lease() {
    check_is_due_ = false;
    if (!core_.is_leased()) return;
    if (now() < leased_until_) return watch_lease();
    perform(core_.lease_over());
  }

  void news(const TaskNews& news) { perform(core_.event(news.task, *news.event)); }

  void leave() {
    is_leaving_ = true;
    perform(core_.leave());
    end_when_idle();
  }

  // Called when the actor ends, however it does.
  void close() {
    subscription_.reset();
    for (const auto& [id, task] : tasks_) caf::anon_send_exit(task, caf::exit_reason::kill);
    tasks_.clear();
  }

 private:
  Monotonic now() const { return self_->clock().now(); }

  // The bus may not be there yet: tried again with every beat.
  void listen() {
    if (subscription_) return;
    const auto address = caf::actor_cast<caf::actor_addr>(self_);  // weak: the subscription is ours
    auto subscribed = doors_.bus->subscribe(bus::work_subject(config_.name), [address](bus::Message message) {
      if (const auto host = caf::actor_cast<caf::actor>(address))
        caf::anon_send(host, LeaseArrived{std::move(message.payload)});
    });
    if (subscribed) subscription_ = std::move(*subscribed);
  }

  void send_beat(bool is_last) {
    Beat beat;
    beat.worker = config_.name;
    beat.incarnation = config_.incarnation;
    beat.replaces = config_.replaces;
    beat.host = config_.host;
    beat.engine_version = config_.engine_version;
    beat.sequence = ++sequence_;
    beat.leaving = is_last;
    beat.devices = config_.devices;
    beat.tasks = core_.reports();
    last_beat_at_ = now();
    sent_.sent(beat.sequence, last_beat_at_);
    doors_.bus->publish({bus::beat_subject(config_.name), "", {}, encode(beat)});
  }

  // At once, but a burst of changes makes one beat.
  void send_change() {
    if (change_is_due_ || is_leaving_) return;
    change_is_due_ = true;
    const auto since = now() - last_beat_at_;
    const auto spacing = std::chrono::duration_cast<Monotonic::duration>(config_.beat_spacing_min);
    self_->delayed_send(self_, since >= spacing ? Monotonic::duration{0} : spacing - since, BeatDue{false});
  }

  // A lease counts from the moment when the beat that it answers was sent: the control plane cannot have heard it earlier.
  bool extend(const Lease& lease) {
    if (lease.incarnation != config_.incarnation || lease.sequence == 0) return false;
    const auto sent = sent_.when(lease.sequence);
    if (!sent) return false;
    const auto until = *sent + std::chrono::milliseconds(lease.lease_ms);
    if (until <= now()) return false;
    leased_until_ = std::max(leased_until_, until);
    watch_lease();
    return true;
  }

  void watch_lease() {
    if (check_is_due_) return;
    check_is_due_ = true;
    self_->delayed_send(self_, leased_until_ - now(), LeaseCheck{});
  }

  void perform(const Actions& actions) {
    for (const auto& action : actions) {
      std::visit(overloaded{
                     [&](const StartTask& start) { start_task(start.task); },
                     [&](const StopTask& stop) { order(stop.task, action); },
                     [&](const LoadAdapter& load) { order(load.task, action); },
                     [&](const UnloadAdapter& unload) { order(unload.task, action); },
                     [&](const ForgetTask& forget) {
                       order(forget.task, action);
                       tasks_.erase(forget.task);
                     },
                     [&](const SendBeat&) { send_change(); },
                 },
                 action);
    }
    end_when_idle();
  }

  void start_task(const Task& task) {
    TaskConfig config{config_.name, config_.progress_spacing_min, config_.log_lines_per_second_max, config_.silence_max};
    tasks_[task.id] = spawn_blocking_linked(self_, mode_, task_actor, config, doors_, task, caf::actor_cast<caf::actor>(self_));
  }

  void order(const TaskId& id, const Action& action) {
    const auto task = tasks_.find(id);
    if (task != tasks_.end()) self_->send(task->second, TaskOrder{action});
  }

  void end_when_idle() {
    if (!is_leaving_ || core_.has_processes() || has_left_) return;
    has_left_ = true;
    send_beat(true);
    self_->quit();
  }

  caf::event_based_actor* self_;
  WorkerConfig config_;
  WorkerDoors doors_;
  SpawnMode mode_;
  WorkerCore core_;
  SentBeats sent_;
  std::int64_t sequence_ = 0;
  Monotonic last_beat_at_{}, leased_until_{};
  bool change_is_due_ = false, check_is_due_ = false, is_leaving_ = false, has_left_ = false;
  std::map<TaskId, caf::actor> tasks_;
  std::unique_ptr<bus::Subscription> subscription_;
};

caf::behavior host_actor(caf::event_based_actor* self, const WorkerConfig& config, WorkerDoors doors, SpawnMode mode) {
  auto host = std::make_shared<Host>(self, config, doors, mode);
  self->attach_functor([host](const caf::error&) { host->close(); });
  host->begin();
  return {
      [=](const BeatDue& due) { host->beat_due(due.is_regular); },
      [=](const LeaseArrived& lease) { host->lease_arrived(lease.payload); },
      [=](const LeaseCheck&) { host->check_lease(); },
      [=](const TaskNews& news) { host->news(news); },
      [=](const Leave&) { host->leave(); },
  };
}

}  // namespace

caf::actor spawn_worker_host(caf::actor_system& system, WorkerConfig config, WorkerDoors doors, SpawnMode mode) {
  return spawn_blocking(system, mode, host_actor, std::move(config), doors, mode);
}

}  // namespace luthier::worker
