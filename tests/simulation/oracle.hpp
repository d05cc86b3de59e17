// Holds the system to what it has promised. It looks at the log, the event stream, the read models and the records of the
// processes from outside, and shares no code with what decides.
#pragma once

#include <string>
#include <vector>

#include "actors/bus/bus.hpp"
#include "events/log/event_log.hpp"
#include "projections/projections.hpp"
#include "tests/simulation/sim_bus.hpp"
#include "tests/simulation/sim_client.hpp"

namespace luthier::simulation {

std::vector<log::Record> read_all(const log::EventLog& log);

// At any time: receipts, order, gaps, doubles, ends of jobs.
std::vector<std::string> broken_promises(const std::vector<log::Record>& records, const std::vector<const SimClient*>& clients);

// Once nothing goes wrong any more and time has passed: everything has come to rest where it should.
std::vector<std::string> unfinished(const std::vector<log::Record>& records, const log::EventLog& log, const SimBus& bus,
                                    const projections::Projections& projections);

}  // namespace luthier::simulation
