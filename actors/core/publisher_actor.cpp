#include "actors/core/publisher_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/bus/subjects.hpp"
#include "actors/core/messages.hpp"
#include "projections/history.hpp"

namespace luthier::core {
namespace {

class Publisher {
 public:
  Publisher(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, std::function<void(std::string)> warn,
            Settings settings)
      : self_(self), bus_(bus), log_(log), warn_(std::move(warn)), settings_(settings) {}

  // Where the copy ends, and whether it is a copy of this log.
  void look() {
    ++generation_;
    in_flight_ = 0;
    aligned_ = false;
    const auto copy = bus_->event_copy();
    if (!copy) return again();
    if (auto same = agrees(*copy); !same) {
      warn_(same.error().message);
      return again();
    }
    next_ = copy->last_sequence + 1;
    aligned_ = true;
    publish();
  }

  void publish() {
    if (!aligned_) return;
    const auto room = settings_.publish_window_max - in_flight_;
    const auto waiting = log_->head().position - next_ + 1;
    const auto count = std::min<std::int64_t>(static_cast<std::int64_t>(room), waiting);
    if (count <= 0) return;
    const auto records = log_->read(next_, static_cast<std::size_t>(count));
    if (!records) {
      warn_("the publisher cannot read the log: " + records.error().message);
      return again();
    }
    for (const auto& record : *records) send(record);
  }

  void stored(const EventStored& stored) {
    if (stored.generation != generation_) return;
    --in_flight_;
    if (stored.error) return again();
    publish();
  }

 private:
  Result<void> agrees(const bus::EventCopy& copy) const {
    if (copy.last_sequence == 0) return {};
    const auto record = log_->read(copy.last_sequence, 1);
    if (!record) return record.error();
    if (record->empty())
      return Error{ErrorCode::corrupt,
                   "the event stream ends at " + std::to_string(copy.last_sequence) + ", the log at " +
                       std::to_string(log_->head().position) + ": the log has lost its tail, or another writer publishes", ""};
    if (record->front().hash != copy.last_hash)
      return Error{ErrorCode::conflict,
                   "event " + std::to_string(copy.last_sequence) + " of the stream is not the log's: another writer publishes", ""};
    return {};
  }

  void send(const log::Record& record) {
    const auto subject = bus::event_subject(record.workspace, record.stream.entity, record.name, record.type);
    const auto me = caf::actor_cast<caf::actor>(self_);
    const auto position = record.position;
    const auto generation = generation_;
    ++in_flight_;
    next_ = position + 1;
    bus_->publish_event(position, {subject, "", {{"Luthier-Hash", record.hash}}, projections::to_cloud_event(record)},
                        [me, position, generation](Result<void> result) {
                          caf::anon_send(me, EventStored{generation, position,
                                                         result ? std::nullopt : std::optional<Error>(result.error())});
                        });
  }

  // Once per failure, however many of the window fail with it.
  void again() {
    ++generation_;
    in_flight_ = 0;
    aligned_ = false;
    self_->delayed_send(self_, settings_.publish_retry, Tick{});
  }

  caf::event_based_actor* self_;
  bus::Bus* bus_;
  const log::EventLog* log_;
  std::function<void(std::string)> warn_;
  Settings settings_;
  std::int64_t generation_ = 0;
  std::size_t in_flight_ = 0;
  Position next_ = 1;
  bool aligned_ = false;
};

}  // namespace

caf::behavior publisher_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                              std::function<void(std::string)> warn, Settings settings) {
  auto publisher = std::make_shared<Publisher>(self, bus, log, std::move(warn), settings);
  self->send(log_actor, Follow{caf::actor_cast<caf::actor>(self), log->head().position});
  self->send(self, Tick{});
  return {
      [=](const Committed&) { publisher->publish(); },  // a hint: what is published is read from the log
      [=](const EventStored& stored) { publisher->stored(stored); },
      [=](const Tick&) { publisher->look(); },
  };
}

}  // namespace luthier::core
