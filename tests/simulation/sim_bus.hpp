// The bus of the simulation: in memory, in one thread, under virtual time. Every message may be lost, repeated, late, and so
// overtake others; the durable intake delivers until it is acknowledged; the event stream takes only what follows its last
// sequence. All of it by the seed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "actors/bus/bus.hpp"
#include "tests/simulation/agenda.hpp"

namespace luthier::simulation {

struct Faults {
  double lose = 0.02;    // of messages that are sent at most once
  double repeat = 0.02;
  Time delay_max{20'000};
  double late = 0.02;    // these take up to late_max
  Time late_max{3'000'000};
};

class SimBus final : public bus::Bus {
 public:
  SimBus(Agenda& agenda, const Faults& faults) : agenda_(agenda), faults_(faults) {}

  void publish(bus::Message message) override;
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string& subject, Handler handler) override;
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t credit,
                                                             std::function<void(bus::Delivery)> handler) override;
  void acknowledge(std::uint64_t token) override;
  Result<bus::EventCopy> event_copy() override;
  void publish_events(std::int64_t first, std::vector<bus::Message> messages, std::function<void(Result<void>)> done) override;
  bool connected() const override { return is_up_; }

  // A client's durable publish: stored at once, acknowledged by the return; false: the server is down.
  bool publish_command(bus::Message message);

  // The server is gone: everything at most once is lost meanwhile, the rest fails. `lose_events`: it comes back without
  // the last of its event stream.
  void stop();
  void start(std::size_t lose_events);

  void heal() { faults_ = {0, 0, Time{20'000}, 0, Time{20'000}}; }  // from now on nothing goes wrong

  const std::deque<bus::Message>& events() const { return events_; }
  std::size_t commands_waiting() const { return commands_.size(); }

 private:
  struct Ended;

  Time some_delay();
  void deliver_commands();

  Agenda& agenda_;
  Faults faults_;
  bool is_up_ = true;
  std::uint64_t next_id_ = 1;
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
