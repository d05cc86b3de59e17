// The bus of the simulation: in memory, in one thread, under virtual time. Every message may be lost, repeated, late, and so
// overtake others; the durable intake delivers until it is acknowledged; the event stream takes only what follows its last
// sequence. All of it by the seed.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <random>
#include <string>

#include "actors/bus/bus.hpp"

namespace luthier::simulation {

using Random = std::mt19937_64;
using Time = std::chrono::microseconds;  // virtual, since the start

struct Faults {
  double lose = 0.02;    // of messages that are sent at most once
  double repeat = 0.02;
  Time delay_max{20'000};
  double late = 0.02;    // these take up to late_max
  Time late_max{3'000'000};
};

class SimBus final : public bus::Bus {
 public:
  SimBus(Random& random, const Faults& faults) : random_(random), faults_(faults) {}

  void publish(bus::Message message) override;
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string& subject, Handler handler) override;
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t credit,
                                                             std::function<void(bus::Delivery)> handler) override;
  void acknowledge(std::uint64_t token) override;
  Result<bus::EventCopy> event_copy() override;
  void publish_event(std::int64_t position, bus::Message message, std::function<void(Result<void>)> done) override;
  bool connected() const override { return is_up_; }

  // A client's durable publish: stored at once, acknowledged by the return; false: the server is down.
  bool publish_command(bus::Message message);

  // Runs what is due, in order of its time; returns whether there was any.
  bool deliver(Time now);
  std::optional<Time> next_due() const;

  // The server is gone: everything at most once is lost meanwhile, the rest fails. `lose_events`: it comes back without
  // the last of its event stream.
  void stop();
  void start(std::size_t lose_events);

  const std::deque<bus::Message>& events() const { return events_; }
  std::size_t commands_waiting() const { return commands_.size(); }

 private:
  struct Subscriber;
  struct Consumer;
  struct Ended;

  void at(Time due, std::function<void()> what);
  Time some_delay();
  bool happens(double probability);
  void deliver_commands();

  Random& random_;
  Faults faults_;
  Time now_{0};
  bool is_up_ = true;
  std::uint64_t next_id_ = 1;
  std::multimap<Time, std::function<void()>> due_;
  std::map<std::uint64_t, std::pair<std::string, Handler>> subscribers_;
  struct Stored {
    bus::Message message;
    std::optional<Time> delivered;  // and not acknowledged since
  };
  std::map<std::uint64_t, Stored> commands_;  // by token
  std::map<std::uint64_t, std::pair<std::size_t, std::function<void(bus::Delivery)>>> consumers_;
  std::deque<bus::Message> events_;  // event 1 first
};

// Whether a subject matches a pattern with '*' and '>'.
bool matches(const std::string& pattern, const std::string& subject);

}  // namespace luthier::simulation
