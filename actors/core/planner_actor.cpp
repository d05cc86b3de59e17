#include "actors/core/planner_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/core/follow.hpp"
#include "actors/core/messages.hpp"

namespace luthier::core {
namespace {

class Planner {
 public:
  Planner(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, Plan plan, Settings settings, Follower follower)
      : self_(self), bus_(bus), entity_(std::move(entity)), plan_(std::move(plan)), settings_(settings),
        follower_(std::move(follower)) {
    fleet_.expect(follower_.world, self_->clock().now());
  }

  void committed(const Commit& commit) {
    if (apply_or_quit(self_, follower_, commit)) wake();
  }

  void heard(const std::shared_ptr<const worker::Beat>& beat) {
    fleet_.hear(beat, self_->clock().now());
    wake();
  }

  void tick() {
    self_->delayed_send(self_, settings_.plan_interval, Tick{});
    if (!beats_) beats_ = subscribe_beats(self_, *bus_);
    wake();
  }

  void close() { beats_.reset(); }

  void make_plan() {
    awake_ = false;
    if (undecided_ > 0) return;                   // the last answer wakes us again
    if (follower_.applied < decided_at_) return;  // so does the commit: until we have heard of it, we would do the same again
    const View view{follower_.world, follower_.applied, fleet_, self_->clock().now(), settings_};
    for (auto& request : plan_(view, backoff_)) submit(std::move(request));
  }

 private:
  // However much arrives before the next look, it is one look.
  void wake() {
    if (awake_) return;
    awake_ = true;
    self_->send(self_, Flush{});
  }

  // A refusal needs no care here: the world will show what holds, and the next tick plans on that. Only a command that has
  // changed something makes it worth looking again at once.
  void submit(events::Request request) {
    ++undecided_;
    self_->request(entity_, caf::infinite, Submit{std::make_shared<const events::Request>(std::move(request))})
        .then([this](const Outcome& outcome) { answered(outcome.receipt.get()); }, [this](const caf::error&) { answered(nullptr); });
  }

  void answered(const log::Receipt* receipt) {
    if (receipt && !receipt->events.empty()) {
      has_changed_ = true;
      decided_at_ = std::max(decided_at_, receipt->position);
    }
    if (--undecided_ == 0 && std::exchange(has_changed_, false)) wake();
  }

  caf::event_based_actor* self_;
  bus::Bus* bus_;
  caf::actor entity_;
  Plan plan_;
  Settings settings_;
  Follower follower_;
  Fleet fleet_;
  Backoff backoff_;
  std::unique_ptr<bus::Subscription> beats_;
  std::size_t undecided_ = 0;
  Position decided_at_ = 0;  // the last event that an answer has told of
  bool has_changed_ = false;
  bool awake_ = false;
};

}  // namespace

caf::behavior planner_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                            caf::actor entity, Plan plan, Settings settings) {
  auto follower = follow_log(self, *log, log_actor);
  if (!follower) return {};
  auto planner = std::make_shared<Planner>(self, bus, std::move(entity), std::move(plan), settings, std::move(*follower));
  self->attach_functor([planner](const caf::error&) { planner->close(); });
  self->send(self, Tick{});
  return {
      [=](const Committed& committed) { planner->committed(*committed.commit); },
      [=](const BeatReceived& received) { planner->heard(received.beat); },
      [=](const Flush&) { planner->make_plan(); },
      [=](const Tick&) { planner->tick(); },
  };
}

}  // namespace luthier::core
