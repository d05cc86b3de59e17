// Watching a job: its progress, its loss curve and what happens to it, until it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/cli/context.hpp"

namespace luthier::cli {

// What is known of a running training, from its telemetry. Pure.
struct TrainingView {
  std::string phase;
  std::int64_t attempt = 0, step = 0, max_steps = 0;
  double loss = 0, tokens_per_second = 0, seconds_left = 0;
  std::optional<double> validation_loss;
  std::vector<Point> losses;  // by step; a later attempt replaces what it does again

  void take(const nlohmann::ordered_json& line);
  std::string status_line(int width) const;
  std::vector<std::string> curve_lines(int width, int height) const;
};

// The line for people of an event of a job; "" when it says nothing of its own.
std::string event_line(const nlohmann::ordered_json& event);

class JobWatch {
 public:
  // Listens from now on, so that a job may be started afterwards without anything being missed.
  static Result<std::unique_ptr<JobWatch>> begin(Context& context, const Name& name);
  ~JobWatch();
  int run();  // until the job has ended or is paused; the exit code

 private:
  struct Parts;
  explicit JobWatch(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::cli
