#include "actors/core/fleet_actor.hpp"

#include <caf/all.hpp>
#include <set>

#include "actors/bus/subjects.hpp"
#include "actors/core/fleet.hpp"
#include "actors/core/follow.hpp"
#include "actors/core/messages.hpp"

namespace luthier::core {
namespace {

using worker::Beat;
using BeatPtr = std::shared_ptr<const Beat>;

class FleetKeeper {
 public:
  FleetKeeper(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, Settings settings, Follower follower)
      : self_(self), bus_(bus), entity_(std::move(entity)), settings_(settings), follower_(std::move(follower)) {
    fleet_.expect(follower_.world, now());
  }

  void close() { beats_.reset(); }

  void heard(const BeatPtr& beat) {
    const auto known = follower_.world.workers.find(beat->worker);
    const bool is_present = known != follower_.world.workers.end() && known->second.present;
    if (is_present && known->second.incarnation == beat->incarnation) return heard_known(beat);
    if (beat->leaving || (is_present && !may_replace(*beat, known->second))) return;
    fleet_.hear(beat, now());  // or it would be silent since before its loss, and lost again as soon as it has joined
    register_worker(*beat);
  }

  void committed(const Commit& commit) {
    if (!apply_or_quit(self_, follower_, commit)) return;
    fleet_.expect(follower_.world, now());
    for (const auto& [name, worker] : follower_.world.workers)
      if (worker.present) hint(worker);
  }

  void tick() {
    self_->delayed_send(self_, settings_.plan_interval, Tick{});
    if (!beats_) beats_ = subscribe_beats(self_, *bus_);
    for (const auto* worker : fleet_.silent(follower_.world, now(), settings_.lease + settings_.lease_grace))
      lose(*worker, "no beat for longer than its lease", false);
  }

 private:
  Monotonic now() const { return self_->clock().now(); }

  void heard_known(const BeatPtr& beat) {
    fleet_.hear(beat, now());
    const auto& worker = follower_.world.workers.at(beat->worker);
    if (beat->leaving) return lose(worker, "it left", true);
    send_lease(worker, beat->sequence);
  }

  // A second process under the name of a worker whose lease may still hold must wait, unless it proves to be its successor
  // on the same disk: two workers must never hold the same attempt.
  bool may_replace(const Beat& beat, const events::WorkerState& present) const {
    if (beat.replaces == present.incarnation) return true;
    for (const auto* silent : fleet_.silent(follower_.world, now(), settings_.lease + settings_.lease_grace))
      if (silent->name == present.name) return true;
    return false;
  }

  void register_worker(const Beat& beat) {
    events::RegisterWorker command{beat.incarnation, beat.host, beat.engine_version, beat.devices};
    submit(beat.worker, "register:" + beat.incarnation, std::move(command));
  }

  void lose(const events::WorkerState& worker, const std::string& reason, bool in_order) {
    submit(worker.name, "lose:" + worker.incarnation, events::LoseWorker{worker.incarnation, reason, in_order});
  }

  void submit(const std::string& worker, const std::string& verb, events::Command command) {
    if (!undecided_.insert(worker + ":" + verb).second) return;
    auto request = own_request("system", "worker", worker, worker + ":" + verb + "@" + std::to_string(follower_.applied),
                               std::move(command));
    const auto done = [this, what = worker + ":" + verb] { undecided_.erase(what); };
    self_->request(entity_, caf::infinite, Submit{std::make_shared<const events::Request>(std::move(request))})
        .then([done](const Outcome&) { done(); }, [done](const caf::error&) { done(); });
  }

  void send_lease(const events::WorkerState& worker, std::int64_t sequence) {
    auto lease = make_lease(worker);
    told_[worker.name] = worker::encode(lease);
    lease.sequence = sequence;
    send(worker.name, std::move(lease));
  }

  // Tells the worker at once when its tasks have changed, not only with the next beat.
  void hint(const events::WorkerState& worker) {
    auto lease = make_lease(worker);
    auto tasks = worker::encode(lease);
    if (std::exchange(told_[worker.name], tasks) != tasks) send(worker.name, std::move(lease));
  }

  worker::Lease make_lease(const events::WorkerState& worker) const {
    worker::Lease lease;
    lease.incarnation = worker.incarnation;
    lease.lease_ms = settings_.lease.count();
    lease.tasks = tasks_of(follower_.world, worker.name);
    return lease;
  }

  void send(const std::string& worker, worker::Lease lease) {
    lease.position = follower_.applied;
    bus_->publish({bus::work_subject(worker), "", {}, worker::encode(lease)});
  }

  caf::event_based_actor* self_;
  bus::Bus* bus_;
  caf::actor entity_;
  Settings settings_;
  Follower follower_;
  Fleet fleet_;
  std::map<std::string, std::string> told_;  // the last tasks that each worker was told
  std::set<std::string> undecided_;
  std::unique_ptr<bus::Subscription> beats_;
};

}  // namespace

caf::behavior fleet_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                          caf::actor entity, Settings settings) {
  auto follower = follow_log(self, *log, log_actor);
  if (!follower) return {};
  auto keeper = std::make_shared<FleetKeeper>(self, bus, std::move(entity), settings, std::move(*follower));
  self->attach_functor([keeper](const caf::error&) { keeper->close(); });
  self->send(self, Tick{});
  return {
      [=](const Committed& committed) { keeper->committed(*committed.commit); },
      [=](const BeatReceived& received) { keeper->heard(received.beat); },
      [=](const Tick&) { keeper->tick(); },
  };
}

}  // namespace luthier::core
