#include "actors/core/supervisor_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/core/messages.hpp"

namespace luthier::core {
namespace {

// What an actor said when it quit, without CAF's wrapping.
std::string text_of(const caf::error& reason, const caf::actor_system& system) {
  const auto& context = reason.context();
  if (!context.empty() && context.match_element<std::string>(0)) return context.get_as<std::string>(0);
  return system.render(reason);
}

class Supervisor {
 public:
  Supervisor(caf::event_based_actor* self, std::vector<Child> children, SupervisorEvents events, Settings settings)
      : self_(self), events_(std::move(events)), settings_(settings) {
    for (auto& child : children) slots_.push_back({std::move(child), {}, 0});
  }

  void start_all() {
    for (std::size_t i = 0; i < slots_.size(); ++i) start(i);
  }

  void start(std::size_t index) {
    auto& slot = slots_[index];
    if (stopping_ || slot.actor) return;
    slot.actor = slot.child.spawn();
    self_->monitor(slot.actor);
  }

  void down(const caf::down_msg& message) {
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].actor && slots_[i].actor.address() == message.source) return child_down(i, message.reason);
  }

  void stop() {
    stopping_ = true;
    stop_last();
  }

 private:
  struct Slot {
    Child child;
    caf::actor actor;
    int restarts;
  };

  void child_down(std::size_t index, const caf::error& reason) {
    auto& slot = slots_[index];
    slot.actor = {};
    if (stopping_) return stop_last();
    const auto text = slot.child.name + " ended: " + text_of(reason, self_->system());
    if (slot.child.is_fatal) {
      if (events_.on_fatal) std::exchange(events_.on_fatal, nullptr)(text);
      return;
    }
    if (events_.warn) events_.warn(text + "; it is started again");
    const auto pause = std::min(settings_.restart_backoff_max, settings_.restart_backoff_min * (1 << std::min(slot.restarts++, 8)));
    self_->delayed_send(self_, pause, index);
  }

  // Ends the last child that still runs; its down message calls for the next.
  void stop_last() {
    for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot)
      if (slot->actor) return self_->send_exit(slot->actor, caf::exit_reason::user_shutdown);
    if (events_.on_stopped) std::exchange(events_.on_stopped, nullptr)();
    self_->quit();
  }

  caf::event_based_actor* self_;
  SupervisorEvents events_;
  Settings settings_;
  std::vector<Slot> slots_;
  bool stopping_ = false;
};

}  // namespace

caf::behavior supervisor_actor(caf::event_based_actor* self, std::vector<Child> children, SupervisorEvents events,
                               Settings settings) {
  auto supervisor = std::make_shared<Supervisor>(self, std::move(children), std::move(events), settings);
  self->set_down_handler([=](caf::down_msg& message) { supervisor->down(message); });
  supervisor->start_all();
  return {
      [=](std::size_t index) { supervisor->start(index); },
      [=](const Shutdown&) { supervisor->stop(); },
  };
}

}  // namespace luthier::core
