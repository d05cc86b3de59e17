#include "actors/core/publisher_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <span>
#include <utility>

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
    while (aligned_ && next_ <= log_->head().position && in_flight_ < settings_.publish_window_max) {
      const auto count = std::min(settings_.publish_batch_max, settings_.publish_window_max - in_flight_);
      const auto records = log_->read(next_, count);
      if (!records) {
        warn_("the publisher cannot read the log: " + records.error().message);
        return again();
      }
      std::vector<const log::Record*> read;
      for (const auto& record : *records) read.push_back(&record);
      send(read);
    }
  }

  // What was committed is at hand, once all that was said at a time has been heard; what was missed is read from the log.
  void hear(const std::shared_ptr<const Commit>& commit) {
    if (heard_.empty()) self_->send(self_, Flush{});
    heard_.push_back(commit);
  }

  void publish_heard() {
    const auto heard = std::exchange(heard_, {});
    if (!aligned_) return;
    std::vector<const log::Record*> fresh;
    for (const auto& commit : heard)
      for (const auto& record : commit->records)
        if (record.position == next_ + static_cast<Position>(fresh.size())) fresh.push_back(&record);
    for (std::span rest(fresh); !rest.empty() && in_flight_ < settings_.publish_window_max;) {
      const auto count = std::min({rest.size(), settings_.publish_batch_max, settings_.publish_window_max - in_flight_});
      send(rest.first(count));
      rest = rest.subspan(count);
    }
    if (!heard.empty() && heard.back()->records.back().position >= next_) publish();
  }

  // What has been committed meanwhile waits for the next commit that we are told of, unless the window has kept it back: so several go
  // together.
  void stored(const EventsStored& stored) {
    if (stored.generation != generation_) return;
    const bool was_full = in_flight_ >= settings_.publish_window_max;
    in_flight_ -= stored.count;
    if (stored.error) return again();
    if (was_full) publish();
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

  void send(std::span<const log::Record* const> records) {
    std::vector<bus::Message> messages;
    messages.reserve(records.size());
    for (const auto* record : records)
      messages.push_back({bus::event_subject(record->workspace, record->stream.entity, record->name, record->type), "",
                          {{"Luthier-Hash", record->hash}}, projections::to_cloud_event(*record)});
    in_flight_ += records.size();
    next_ = records.back()->position + 1;
    bus_->publish_events(records.front()->position, std::move(messages),
                         [me = caf::actor_cast<caf::actor>(self_), count = records.size(), generation = generation_](Result<void> result) {
                           caf::anon_send(me, EventsStored{generation, count, result ? std::nullopt : std::optional<Error>(result.error())});
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
  std::vector<std::shared_ptr<const Commit>> heard_;
  bool aligned_ = false;
};

}  // namespace

caf::behavior publisher_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                              std::function<void(std::string)> warn, Settings settings) {
  auto publisher = std::make_shared<Publisher>(self, bus, log, std::move(warn), settings);
  self->send(log_actor, Follow{caf::actor_cast<caf::actor>(self), log->head().position});
  self->send(self, Tick{});
  return {
      [=](const Committed& committed) { publisher->hear(committed.commit); },
      [=](const Flush&) { publisher->publish_heard(); },
      [=](const EventsStored& stored) { publisher->stored(stored); },
      [=](const Tick&) { publisher->look(); },
  };
}

}  // namespace luthier::core
