#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "actors/cli/job_watch.hpp"

namespace luthier::cli {

using nlohmann::ordered_json;

TEST_CASE("telemetry becomes a bar with step, loss, speed and time left") {
  TrainingView view;
  CHECK(view.status_line(80) == "waiting");
  view.take({{"attempt", 1}, {"phase", "starting"}, {"step", 0}, {"max_steps", 30}, {"resumed_from_step", 0}});
  CHECK(view.status_line(80).find(" 0/30  starting") != std::string::npos);
  view.take({{"attempt", 1}, {"phase", "training"}, {"step", 15}, {"max_steps", 30}, {"loss", 1.25}, {"tokens_per_second", 210.4}, {"seconds_left", 65}});
  const auto line = view.status_line(80);
  CHECK(line.find(" 15/30  loss 1.25  210 tokens/s  1:05 left") != std::string::npos);
  CHECK(line.starts_with("████"));
  CHECK(columns_of(line) <= 80);
}

TEST_CASE("an attempt that goes on from a checkpoint replaces the steps that it does again") {
  TrainingView view;
  for (int step = 1; step <= 8; ++step) view.take({{"attempt", 1}, {"step", step}, {"loss", 10.0 - step}});
  for (int step = 5; step <= 9; ++step) view.take({{"attempt", 2}, {"step", step}, {"max_steps", 9}, {"loss", 1.0}});
  REQUIRE(view.losses.size() == 9);
  CHECK(view.losses[3].y == 6.0);
  CHECK(view.losses[4].y == 1.0);
  CHECK(view.status_line(80).find("(attempt 2)") != std::string::npos);
  CHECK(view.curve_lines(60, 6).size() == 7);
}

TEST_CASE("broken telemetry changes nothing") {
  TrainingView view;
  for (const char* text : {"[]", "null", "{\"step\":\"x\",\"loss\":null}", "{\"step\":-5}"}) view.take(ordered_json::parse(text));
  CHECK(view.losses.size() <= 1);
  CHECK(view.step == 0);
}

TEST_CASE("events of a job are told in words") {
  CHECK(event_line({{"type", "luthier.JobPlaced.v1"}, {"data", {{"attempt", 1}, {"worker", "local"}, {"device", "cpu"}}}}) == "attempt 1 placed on worker local, device cpu");
  CHECK(event_line({{"type", "luthier.JobAttemptEnded.v1"}, {"data", {{"attempt", 1}, {"outcome", "crashed"}, {"reason", "signal 9"}}}}) == "attempt 1 crashed: signal 9; it is queued again");
  CHECK(event_line({{"type", "luthier.JobCheckpointed.v1"}, {"data", {{"step", 10}}}}).empty());
  CHECK(event_line({{"type", 7}}).empty());
}

}  // namespace luthier::cli
