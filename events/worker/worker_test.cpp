#include "events/world/story_test.hpp"

namespace luthier::events {

TEST_CASE("a worker joins once per incarnation") {
  Story story = a_workshop();
  story.when_in("system", "bench", hello()).then_nothing();
  story.given_in("system", "bench", hello("second")).then({"WorkerJoined"});
  CHECK(story.world.workers.at("bench").version == 2);
  auto bad = hello();
  bad.devices.clear();
  story.when_in("system", "other", bad).then_refused(ErrorCode::invalid, "data.devices");
  bad = hello();
  bad.devices[1].id = "cpu";
  story.when_in("system", "other", bad).then_refused(ErrorCode::invalid, "data.devices[1].id");
  story.when_in("system", "Other", hello()).then_refused(ErrorCode::invalid, "name");
  auto stranger = story.request("system", "bench", hello("third"));
  stranger.key.principal = "worker:another";
  story.when(stranger).then_refused(ErrorCode::invalid, "principal");
}

TEST_CASE("whatever an incarnation was doing ends with it, jobs and deployments alike") {
  Story story = a_ready_deployment();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  story.given_in("system", "bench", hello("second")).then({"WorkerJoined", "JobAttemptEnded", "DeploymentAttemptEnded"});
  CHECK(story.job("tune").phase == JobPhase::queued);
  CHECK(story.job("tune").outcome == "lost");
  CHECK(story.deployment("serve").phase == DeploymentPhase::pending);
}

TEST_CASE("a lost worker's attempts are over, and an older loss changes nothing") {
  Story story = a_ready_deployment();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  story.given("second", story.start_job("cities"));
  story.given("second", place_job(1, "first", "cuda:0"));
  story.given("second", CancelJob{});
  story.when_in("system", "bench", LoseWorker{"older", "lease"}).then_nothing();
  story.when_in("system", "nobody", LoseWorker{"older", "lease"}).then_refused(ErrorCode::not_found, "name");
  story.given_in("system", "bench", LoseWorker{"first", "lease"})
      .then({"WorkerLost", "JobCancelled", "JobAttemptEnded", "DeploymentAttemptEnded"});
  story.when_in("system", "bench", LoseWorker{"first", "lease"}).then_nothing();
  story.when("tune", place_job(2)).then_refused(ErrorCode::conflict, "data.worker");
  story.given_in("system", "bench", hello()).then({"WorkerJoined"});  // it was cut off, and is back
  story.when("tune", place_job(2)).then({"JobPlaced"});
}

TEST_CASE("what a worker that leaves in order was doing has not failed") {
  Story story = a_ready_deployment();
  story.limits.job_attempts_max = story.limits.deployment_attempts_max = 1;
  story.given("tune", story.start_job("capitals"));
  story.given("tune", place_job(1));
  story.given_in("system", "bench", LoseWorker{"first", "it left", true}).then({"WorkerLost", "JobAttemptEnded", "DeploymentAttemptEnded"});
  CHECK(story.job("tune").attempts_failed == 0);
}

TEST_CASE("a worker that drains takes no new task until it starts again") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.given_in("system", "bench", DrainWorker{}).then({"WorkerDraining"});
  story.when_in("system", "bench", DrainWorker{}).then_nothing();
  story.when("tune", place_job(1)).then_refused(ErrorCode::conflict, "data.worker");
  story.given_in("system", "bench", LoseWorker{"first", "lease"});
  story.when_in("system", "bench", DrainWorker{}).then_refused(ErrorCode::conflict, "name");
  story.given_in("system", "bench", hello());
  story.when("tune", place_job(1)).then_refused(ErrorCode::conflict, "data.worker");
  story.given_in("system", "bench", hello("second"));
  story.when("tune", place_job(1, "second")).then({"JobPlaced"});
}

}  // namespace luthier::events
