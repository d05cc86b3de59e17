#include "events/world/story_test.hpp"

namespace luthier::events {
namespace {

// A second model, analysed.
void has_teacher(Story& story) {
  story.given("big-files", CreateFileset{"", "model", {file("big.gguf", 'e')}});
  story.given("big", CreateModel{"big-files", "", ""});
  story.given("big", story.spec_of("big"));
}

JobTeacher seen(const Story& story) {
  const ModelState& big = story.model("big");
  return {"default/big", big.id, big.fileset_id, {file("big.gguf", 'e')}};
}

const std::string distils = R"({"distillation":{"mixing":0.5,"temperature":2.0},"method":"full"})";

}  // namespace

TEST_CASE("a distillation names its teacher, which is not deleted before the job has ended") {
  Story story = a_workshop();
  has_teacher(story);
  SubmitJob submit;
  submit.model = "smol";
  submit.dataset = "rows";
  submit.output = "small";
  submit.config.text = distils;
  story.when("tune", submit).then_refused(ErrorCode::invalid, "data.teacher");
  submit.teacher = "missing";
  story.when("tune", submit).then_refused(ErrorCode::invalid, "data.teacher");
  submit.teacher = "big";
  auto without = submit;
  without.config.text = R"({"method":"full"})";
  story.when("tune", without).then_refused(ErrorCode::invalid, "data.teacher");
  story.given("tune", submit).then({"JobSubmitted", "JobTeacherSet"});
  CHECK(story.job("tune").teacher->files.empty());
  story.when("big", DeleteModel{}).then_refused(ErrorCode::conflict, "name");
  story.when("big-files", DeleteFileset{}).then_refused(ErrorCode::conflict, "name");
  PrepareJob prepare{{distils}, *story.start_job("small", "full").inputs};
  story.when("tune", prepare).then_refused(ErrorCode::conflict, "data.teacher");
  prepare.teacher = seen(story);
  prepare.teacher->model_id = "model-other";
  story.when("tune", prepare).then_refused(ErrorCode::conflict, "data.teacher");
  prepare.teacher = seen(story);
  story.given("tune", prepare).then({"JobTeacherSet", "JobQueued"});
  CHECK(story.job("tune").teacher == seen(story));
  story.given("tune", CancelJob{});
  CHECK_FALSE(story.job("tune").teacher);
  story.when("big", DeleteModel{}).then({"ModelDeleted"});
}

TEST_CASE("a distillation that is checked before its acceptance is queued with the teacher that the check has seen") {
  Story story = a_workshop();
  has_teacher(story);
  auto start = story.start_job("small", "full");
  start.config.text = distils;
  start.teacher = "big";
  story.when("tune", start).then_refused(ErrorCode::internal, "data.inputs");
  start.seen_teacher = seen(story);
  start.seen_teacher->fileset_id = "fileset-old";
  story.when("tune", start).then_refused(ErrorCode::conflict, "data.seen_teacher");
  start.seen_teacher = seen(story);
  story.given("tune", start).then({"JobQueued", "JobTeacherSet"});
  CHECK(story.job("tune").teacher == seen(story));
}

}  // namespace luthier::events
