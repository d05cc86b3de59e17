#include "tests/simulation/oracle.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace luthier::simulation {
namespace {

using nlohmann::json;
using Violations = std::vector<std::string>;

bool ends_job(const std::string& type) { return type == "JobCompleted" || type == "JobFailed" || type == "JobCancelled"; }

void check_numbers(const std::vector<log::Record>& records, Violations& found) {
  std::map<std::string, Version> versions;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& record = records[i];
    if (record.position != static_cast<Position>(i) + 1) found.push_back("position " + std::to_string(i + 1) + " is missing");
    if (record.version != ++versions[record.stream.id])
      found.push_back("event " + std::to_string(record.position) + " has version " + std::to_string(record.version) + " in " + record.stream.id);
  }
}

// Every receipted command is there once, where its receipt says, and those of one client in the order of their receipts.
void check_receipts(const std::vector<log::Record>& records, const std::vector<const SimClient*>& clients, Violations& found) {
  std::map<std::string, std::vector<Position>> by_command;
  for (const auto& record : records) by_command[record.command.id].push_back(record.position);
  for (const auto* client : clients) {
    Position last = 0;
    for (const auto& promise : client->promises()) {
      const auto positions = by_command[promise.id];
      if (positions.size() != promise.events)
        found.push_back("command " + promise.id + " was promised " + std::to_string(promise.events) + " events and has " + std::to_string(positions.size()));
      if (promise.events == 0) continue;
      if (positions.empty() || positions.back() != promise.position)
        found.push_back("command " + promise.id + " is not at position " + std::to_string(promise.position));
      else if (records[static_cast<std::size_t>(promise.position) - 1].hash != promise.hash)
        found.push_back("position " + std::to_string(promise.position) + " has another hash than the receipt of " + promise.id);
      if (promise.position < last) found.push_back("command " + promise.id + " was reordered");
      last = promise.position;
    }
  }
}

// Whoever sent it, an id has taken effect once: its events stand together.
void check_once(const std::vector<log::Record>& records, Violations& found) {
  std::map<CommandKey, Position> last;
  for (const auto& record : records) {
    const auto [known, is_new] = last.try_emplace(record.command, record.position);
    if (!is_new && known->second != record.position - 1)
      found.push_back("command " + record.command.id + " took effect again at " + std::to_string(record.position));
    known->second = record.position;
  }
}

void check_jobs(const std::vector<log::Record>& records, Violations& found) {
  std::map<std::string, int> ends, outputs;
  std::map<std::string, std::string> completed;
  for (const auto& record : records) {
    if (record.stream.entity == "job" && ends[record.stream.id] > 0)
      found.push_back(record.type + " at " + std::to_string(record.position) + " follows the end of job " + record.name);
    if (ends_job(record.type)) ++ends[record.stream.id];
    if (record.type == "AdapterCreated") {
      const auto job = json::parse(record.data).at("created_by_job").get<std::string>();
      if (!job.empty()) ++outputs[job];
    }
    if (record.type == "JobCompleted") completed["default/" + record.name] = record.stream.id;
  }
  for (const auto& [job, id] : completed)
    if (outputs[job] != 1) found.push_back("job " + job + " has completed and made " + std::to_string(outputs[job]) + " adapters");
  for (const auto& [job, count] : outputs)
    if (!completed.contains(job)) found.push_back("job " + job + " has made an adapter and not completed");
}

void check_copy(const std::vector<log::Record>& records, const SimBus& bus, Violations& found) {
  if (bus.events().size() != records.size())
    found.push_back("the event stream has " + std::to_string(bus.events().size()) + " events, the log " + std::to_string(records.size()));
  for (std::size_t i = 0; i < std::min(records.size(), bus.events().size()); ++i)
    if (bus.events()[i].header("Luthier-Hash") != records[i].hash)
      found.push_back("event " + std::to_string(i + 1) + " of the stream is not the log's");
}

void check_rest(const projections::Projections& projections, Violations& found) {
  const auto jobs = projections.list("job", "default", "", 1000);
  for (const auto& item : jobs->items) {
    const auto job = json::parse(item);
    const auto status = job.at("status").get<std::string>();
    if (status != "completed" && status != "cancelled" && status != "error" && status != "paused")
      found.push_back("job " + job.at("name").get<std::string>() + " is still " + status);
  }
}

// What is loaded is what is enabled.
void check_loaded(const std::vector<log::Record>& records, Violations& found) {
  std::set<std::string> enabled, loaded;
  bool is_ready = false, is_deployed = false;
  for (const auto& record : records) {
    const auto data = json::parse(record.data);
    if (record.type == "AdapterCreated" && data.at("enabled")) enabled.insert("default--" + data.at("adapter").get<std::string>());
    if (record.type == "AdapterEnabled") enabled.insert("default--" + data.at("adapter").get<std::string>());
    if (record.type == "AdapterDisabled" || record.type == "AdapterDeleted") enabled.erase("default--" + data.at("adapter").get<std::string>());
    if (record.type == "AdapterLoaded") loaded.insert(data.at("adapter").get<std::string>());
    if (record.type == "AdapterUnloaded") loaded.erase(data.at("adapter").get<std::string>());
    if (record.type == "DeploymentCreated") is_deployed = true;
    if (record.type == "DeploymentDeleted") is_deployed = false;
    if (record.type == "DeploymentFailed") is_deployed = false;
    if (record.type == "DeploymentReady") is_ready = true;
    if (record.type == "DeploymentAttemptEnded" || record.type == "DeploymentDeleted" || record.type == "DeploymentFailed") {
      is_ready = false;
      loaded.clear();
    }
  }
  if (is_deployed && !is_ready) found.push_back("the deployment is not ready");
  if (!is_ready) return;
  for (const auto& name : enabled)
    if (!loaded.contains(name)) found.push_back(name + " is enabled and not loaded");
  for (const auto& name : loaded)
    if (!enabled.contains(name)) found.push_back(name + " is loaded and not enabled");
}

void check_projections(const log::EventLog& log, const projections::Projections& projections, Violations& found) {
  const auto fresh = projections::read_models_at(log, log.head().position);
  for (const std::string entity : {"fileset", "model", "adapter", "job", "deployment"})
    if ((*fresh)->list(entity, "default", "", 1000)->items != projections.list(entity, "default", "", 1000)->items)
      found.push_back("the rows of " + entity + " are not those of a fresh fold");
}

}  // namespace

std::vector<log::Record> read_all(const log::EventLog& log) {
  std::vector<log::Record> records;
  for (;;) {
    const auto more = log.read(static_cast<Position>(records.size()) + 1, 1000);
    if (!more || more->empty()) return records;
    records.insert(records.end(), more->begin(), more->end());
  }
}

Violations broken_promises(const std::vector<log::Record>& records, const std::vector<const SimClient*>& clients) {
  Violations found;
  check_numbers(records, found);
  check_receipts(records, clients, found);
  check_once(records, found);
  check_jobs(records, found);
  for (const auto* client : clients) found.insert(found.end(), client->violations().begin(), client->violations().end());
  return found;
}

Violations unfinished(const std::vector<log::Record>& records, const log::EventLog& log, const SimBus& bus,
                      const projections::Projections& projections) {
  Violations found;
  check_copy(records, bus, found);
  check_rest(projections, found);
  check_loaded(records, found);
  check_projections(log, projections, found);
  return found;
}

}  // namespace luthier::simulation
