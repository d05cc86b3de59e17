// The control plane of the simulation: started, crashed and started again on the same disk.
#pragma once

#include <memory>
#include <string>

#include "actors/core/control_plane.hpp"
#include "events/log/anchor.hpp"
#include "events/log/rocks_log.hpp"
#include "projections/projections.hpp"
#include "tests/faults/fault_env.hpp"
#include "tests/simulation/agenda.hpp"
#include "tests/simulation/sim_bus.hpp"
#include "tests/simulation/simulation.hpp"

namespace luthier::simulation {

class SimClock final : public Clock {
 public:
  explicit SimClock(const Agenda& agenda) : agenda_(agenda) {}
  Timestamp now() const override { return 1'700'000'000'000'000 + agenda_.now().count(); }

 private:
  const Agenda& agenda_;
};

// Finds everything in order, and gives each job inputs that are a function of its names.
class SimChecker final : public core::Checker {
 public:
  Result<events::Command> check(const events::Request& request, const core::CheckContext& context) override;
  Result<std::string> describe_model(const std::vector<events::File>& files) override;
};

class SimPlane {
 public:
  SimPlane(caf::actor_system& system, Agenda& agenda, SimBus& bus, const Options& options);
  ~SimPlane();

  bool is_up() const { return running_ != nullptr; }
  // What the start found wrong with the log; empty: nothing.
  std::string start();
  // The process is gone, at once; with `power_cut` also what the disk had not synced. `run` lets the actors end: the doors
  // are dead by then, so nothing that they still do has an effect.
  void crash(bool power_cut, const std::function<void()>& run);

  log::EventLog& log();
  projections::Projections& projections();
  const std::string& fatal() const { return fatal_; }

 private:
  struct Running;
  caf::actor_system& system_;
  Agenda& agenda_;
  SimBus& bus_;
  Options options_;
  SimClock clock_;
  SimChecker checker_;
  faults::FaultEnv env_;
  std::shared_ptr<log::MemoryAnchor> anchor_;
  std::unique_ptr<Running> running_;
  std::string fatal_;
};

}  // namespace luthier::simulation
