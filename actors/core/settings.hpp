// The bounds and rhythms of the control plane: one table, each with its unit and reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "events/world/world.hpp"

namespace luthier::core {

struct Settings {
  events::Limits limits;
  std::size_t requests_in_flight_max = 4096;   // more are refused with `limit`
  std::size_t deliveries_in_flight_max = 1024; // credit of the durable intake
  std::size_t append_batch_max = 1024;         // commands that share one sync
  std::size_t publish_window_max = 256;        // events on their way to the bus
  std::size_t publish_batch_max = 64;          // of which so many are confirmed together
  std::size_t queries_in_flight_max = 1024;    // more are refused with `limit`
  std::chrono::milliseconds query_wait_max{5000};
  std::chrono::milliseconds tell_interval{5};       // who plans or publishes is woken by commits at most this often
  std::chrono::milliseconds plan_interval{500};     // level-triggered: look again even when nothing was heard
  std::chrono::milliseconds lease{15000};           // what a worker gets with each answered beat
  std::chrono::milliseconds lease_grace{5000};      // how much longer we wait than the worker does
  std::chrono::milliseconds publish_retry{1000};
  std::chrono::milliseconds restart_backoff_min{100}, restart_backoff_max{30000};
  std::chrono::milliseconds retry_backoff_min{1000}, retry_backoff_max{60000};  // of attempts that ended without a result
  bool controllers = true;  // false: no scheduler and no reconciler; a client moves jobs and deployments by hand
};

}  // namespace luthier::core
