// The host actor is a worker: it sends beats, follows leases, spawns one task actor per task, and stops everything by
// itself when its lease has run out. The decisions are WorkerCore's.
#pragma once

#include <caf/fwd.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "actors/worker/doors.hpp"

namespace luthier {
enum class SpawnMode;
}

namespace luthier::worker {

struct WorkerConfig {
  std::string name;           // unique among the workers of a control plane
  std::string incarnation;    // new with every start
  std::string replaces;       // the incarnation before it on this disk, which has certainly ended; empty: unknown
  std::string host, engine_version;
  std::vector<events::Device> devices;
  std::chrono::milliseconds beat_interval{2000};
  std::chrono::milliseconds beat_spacing_min{50};        // between beats that only report a change
  std::chrono::milliseconds progress_spacing_min{200};   // telemetry of one job
  std::size_t log_lines_per_second_max = 20;             // of one task
  std::chrono::milliseconds silence_max{600'000};        // of a training process: no step in this time means that it hangs
};

// It ends after `Leave` (messages.hpp), when every process is gone and the last beat has been sent.
caf::actor spawn_worker_host(caf::actor_system& system, WorkerConfig config, WorkerDoors doors, SpawnMode mode);

}  // namespace luthier::worker
