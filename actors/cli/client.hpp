// The command line's side of the NATS contract: commands with their receipts, queries, and what is published.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "actors/bus/bus.hpp"
#include "events/base/ids.hpp"
#include "events/base/result.hpp"

namespace luthier::bus {
class NatsBus;
}

namespace luthier::cli {

struct Command {
  std::string entity, type, workspace, name;
  std::string id;         // empty: a new one
  std::string data;       // JSON object
  std::string principal;  // empty: the client's own
  std::string expected_version;  // digits; empty: any
};

// Time first, so that ids sort by it; then chance: unique without asking anybody.
std::string new_command_id();

class Client {
 public:
  Client(std::unique_ptr<bus::NatsBus> bus, std::chrono::milliseconds timeout);
  ~Client();

  // The receipt, accepted or refused. The same command is sent again while no answer comes: its id makes that harmless.
  Result<nlohmann::ordered_json> send(const Command& command);
  // The same, with a refusal as an error.
  Result<nlohmann::ordered_json> must(const Command& command);

  // The answer {"position", "item"} or {"position", "items", "next"}. Sees at least what this client's commands did.
  Result<nlohmann::ordered_json> query(const std::string& workspace, const std::string& entity, const std::string& verb,
                                       const nlohmann::ordered_json& body);
  Result<nlohmann::ordered_json> get(const std::string& workspace, const std::string& entity, const std::string& name,
                                     const std::string& at = "");
  // Every page, up to `items_max`.
  Result<nlohmann::ordered_json> list(const std::string& workspace, const std::string& entity, const std::string& at = "",
                                      std::size_t items_max = 100'000);

  // Handlers run on a thread of the bus.
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string& subject, bus::Bus::Handler handler);
  bus::NatsBus& bus() { return *bus_; }

 private:
  Result<std::string> request(const std::string& subject, const std::string& payload);

  std::unique_ptr<bus::NatsBus> bus_;
  std::chrono::milliseconds timeout_;
  Position seen_ = 0;  // of the last receipt
};

}  // namespace luthier::cli
