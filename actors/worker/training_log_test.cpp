#include "actors/worker/training_log.hpp"

#include <catch2/catch.hpp>

namespace luthier::worker {
namespace {

std::string step(int number, int of, const std::string& more = "") {
  return R"({"phase":"training","step":)" + std::to_string(number) + R"(,"max_steps":)" + std::to_string(of) +
         R"(,"loss":1.25,"grad_norm":0.5,"lr":0.001,"tokens_per_second":420.4)" + more + "}";
}

}  // namespace

TEST_CASE("a training's log has its beginning, some steps, its checkpoints and its end") {
  TrainingLog log;
  CHECK(log.text_of(R"({"phase":"starting","step":0,"max_steps":60,"resumed_from_step":0})") == "training begins: 60 steps");
  CHECK(log.text_of(step(1, 60)) == "step 1 of 60: loss 1.2500, gradient 0.500, learning rate 0.001, 420 tokens/s");
  CHECK_FALSE(log.text_of(step(2, 60)));
  CHECK(log.text_of(step(3, 60, R"(,"validation_loss":1.5)"))->ends_with(", validation loss 1.5000"));
  CHECK(log.text_of(R"({"checkpoint":10})") == "checkpoint of step 10");
  CHECK(log.text_of(R"({"phase":"done","steps":60,"seconds":12.34,"first_loss":2.5,"final_loss":1})") ==
        "trained: 60 steps in 12.3 s: loss 2.5000 at first, 1.0000 at last");
  TrainingLog resumed;
  CHECK(resumed.text_of(R"({"phase":"starting","step":10,"max_steps":60,"resumed_from_step":10})") == "training goes on after step 10 of 60");
}

TEST_CASE("a long training's log stays short, and what is no line of a training is left alone") {
  TrainingLog log;
  int lines = 0;
  for (int i = 1; i <= 10'000; ++i) lines += log.text_of(step(i, 10'000)).has_value();
  CHECK(lines >= 20);
  CHECK(lines <= 22);
  CHECK_FALSE(log.text_of("Segmentation fault"));
  CHECK_FALSE(log.text_of("[]"));
  CHECK_FALSE(log.text_of(R"({"phase":"validating"})"));
}

}  // namespace luthier::worker
