// A client of the simulation: it sends one command after the other, each as a request or as a durable command, and repeats it
// under the same id until it has a receipt. Now and then it repeats one that it has a receipt for. It lives outside the
// system, and what it was promised is what the system is held to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "events/world/command.hpp"
#include "tests/simulation/agenda.hpp"
#include "tests/simulation/sim_bus.hpp"

namespace luthier::simulation {

struct Promise {
  std::string id;
  bool is_accepted = false;
  std::int64_t position = 0;
  std::string hash;
  std::size_t events = 0;
  std::string receipt;  // as it came
};

class SimClient {
 public:
  SimClient(Agenda& agenda, SimBus& bus, std::string name, int commands);

  void begin() { next(); }
  bool is_done() const { return commands_left_ == 0 && current_.empty(); }
  void hurry();  // sends the waiting command again now, and nothing new

  const std::vector<Promise>& promises() const { return promises_; }  // in the order in which they were made
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void next();
  void send();
  void answered(const bus::Message& message);
  events::Request make_request();
  events::Request request(const std::string& entity, const std::string& name, events::Command command) const;
  std::string some_job() { return name_ + "-job-" + std::to_string(agenda_.between(0, std::max(0, jobs_ - 1))); }
  std::string some_adapter() { return "out-" + name_ + "-" + std::to_string(agenda_.between(0, std::max(0, jobs_ - 1))); }

  Agenda& agenda_;
  SimBus& bus_;
  std::string name_, inbox_;
  std::unique_ptr<bus::Subscription> subscription_;
  int commands_left_, number_ = 0, jobs_ = 0;
  std::string current_;            // the id that waits for its receipt
  events::Request waiting_;
  bool is_durable_ = false;
  std::vector<Promise> promises_;
  std::vector<events::Request> sent_;  // those that have their receipt
  std::map<std::string, std::string> receipts_;  // by id
  std::vector<std::string> violations_;
};

}  // namespace luthier::simulation
