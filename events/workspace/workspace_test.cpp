#include "events/world/story_test.hpp"

namespace luthier::events {

TEST_CASE("a workspace is created once, and workspace system by nobody") {
  Story story;
  story.given_in("system", "default", CreateWorkspace{"ours"}).then({"WorkspaceCreated"});
  story.when_in("system", "default", CreateWorkspace{}).then_refused(ErrorCode::conflict, "name");
  story.when_in("system", "system", CreateWorkspace{}).then_refused(ErrorCode::conflict, "name");
  story.when_in("system", "system", DeleteWorkspace{}).then_refused(ErrorCode::conflict, "name");
  story.when_in("default", "another", CreateWorkspace{}).then_refused(ErrorCode::invalid, "workspace");
  CHECK(story.world.workspaces.at("default").version == 1);
}

TEST_CASE("nothing is decided in a workspace that does not exist") {
  Story story;
  const auto outcome = story.when_in("nowhere", "files", CreateFileset{});
  outcome.then_refused(ErrorCode::not_found, "workspace");
  CHECK(outcome.message() == "workspace nowhere not found");
}

TEST_CASE("names follow the pattern of the platform") {
  Story story;
  for (const std::string& name : std::vector<std::string>{"ab", "a1", "default", "llama-3.2+x@1_b", std::string(63, 'a')}) {
    INFO(name);
    story.when_in("system", name, CreateWorkspace{}).then({"WorkspaceCreated"});
  }
  for (const std::string& name :
       std::vector<std::string>{"", "a", "1a", "Ab", "a--b", "ab-", "a/b", "a b", "é1", "-ab", std::string(64, 'a')}) {
    INFO(name);
    story.when_in("system", name, CreateWorkspace{}).then_refused(ErrorCode::invalid, "name");
  }
}

TEST_CASE("a workspace that still has entities is not deleted, and the refusal names the first") {
  Story story = a_workshop();
  const auto outcome = story.when_in("system", "default", DeleteWorkspace{});
  outcome.then_refused(ErrorCode::conflict, "name");
  CHECK(outcome.message() == "workspace default still has model default/smol");
  story.when_in("system", "gone", DeleteWorkspace{}).then_refused(ErrorCode::not_found, "name");
}

TEST_CASE("jobs that have ended go with their workspace, and its name can be used again") {
  Story story = a_workshop();
  story.given("tune", story.start_job("capitals"));
  story.given("tune", CancelJob{});
  story.given("smol", DeleteModel{});
  story.given("smol-files", DeleteFileset{});
  story.given("rows", DeleteFileset{});
  story.given_in("system", "default", DeleteWorkspace{}).then({"WorkspaceDeleted"});
  CHECK(story.world.jobs.empty());
  story.when("files", CreateFileset{}).then_refused(ErrorCode::not_found, "workspace");
  const auto before = story.log.front().stream.id;
  story.given_in("system", "default", CreateWorkspace{}).then({"WorkspaceCreated"});
  CHECK(story.world.workspaces.at("default").id != before);
  CHECK(story.world.workspaces.at("default").version == 1);
}

TEST_CASE("a bound that is reached is named") {
  Story story = a_workshop();
  story.limits.entities_per_workspace_max = 2;
  story.when("third", CreateFileset{}).then_refused(ErrorCode::limit, "name");
  story.given("rows", DeleteFileset{});
  story.when("third", CreateFileset{}).then({"FilesetCreated"});
  story.when("more", CreateFileset{std::string(1001, 'x'), "generic", {}}).then_refused(ErrorCode::limit, "data.description");
}

TEST_CASE("a request may name the version that it was made on") {
  Story story = a_workshop();
  const Version version = story.model("smol").version;
  CHECK(version == 2);
  auto request = story.request("default", "smol", DeleteModel{});
  request.expected_version = version - 1;
  story.when(request).then_refused(ErrorCode::conflict, "expected_version");
  request.expected_version = 0;
  story.when(request).then_refused(ErrorCode::conflict, "expected_version");
  request.expected_version = version;
  story.when(request).then({"ModelDeleted"});
  auto create = story.request("default", "fresh", CreateFileset{});
  create.expected_version = 0;
  story.when(create).then({"FilesetCreated"});
  create.expected_version = 1;
  story.when(create).then_refused(ErrorCode::conflict, "expected_version");
}

TEST_CASE("commands of Luthier's own parts are decided for nobody else") {
  Story story = a_workshop();
  auto request = story.request("system", "other", hello());
  request.key.principal = "ada";
  story.when(request).then_refused(ErrorCode::invalid, "principal");
  auto fill = story.request("default", "smol", story.spec_of("smol"));
  fill.key.principal = "worker:bench";
  story.when(fill).then_refused(ErrorCode::invalid, "principal");
}

TEST_CASE("the same command decides the same ids") {
  Story story = a_workshop();
  const auto request = story.request("default", "again", CreateFileset{});
  const auto first = story.when(request).facts(), second = story.when(request).facts();
  CHECK(first[0].stream == second[0].stream);
  CHECK(first[0].stream.id.starts_with("fileset-"));
  CHECK(story.when("again", CreateFileset{}).facts()[0].stream != first[0].stream);
}

}  // namespace luthier::events
