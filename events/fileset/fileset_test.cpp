#include "events/world/story_test.hpp"

namespace luthier::events {

TEST_CASE("a fileset is created with files that are stored already") {
  Story story = a_workshop();
  story.given("data", CreateFileset{"", "dataset", {file("a/b.jsonl"), file("c.jsonl")}}).then({"FilesetCreated", "FilePut", "FilePut"});
  CHECK(story.fileset("data").version == 3);
  CHECK(story.fileset("data").content_version == 3);
  CHECK(story.fileset("data").files.size() == 2);
  story.when("data", CreateFileset{}).then_refused(ErrorCode::conflict, "name");
  story.when("other", CreateFileset{"", "music", {}}).then_refused(ErrorCode::invalid, "data.purpose");
}

TEST_CASE("a path stays inside its fileset") {
  Story story = a_workshop();
  for (const std::string path : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\\b", "a\nb", "\xFF", "a/."}) {
    INFO(path);
    story.when("rows", PutFile{path, std::string(64, 'a'), 1}).then_refused(ErrorCode::invalid, "data.path");
  }
  story.when("rows", PutFile{std::string(1025, 'a'), std::string(64, 'a'), 1}).then_refused(ErrorCode::invalid, "data.path");
  story.when("rows", PutFile{"sub/é ..name", std::string(64, 'a'), 1}).then({"FilePut"});
}

TEST_CASE("a file cannot be a directory as well") {
  Story story = a_workshop();
  story.given("rows", PutFile{"deep/er/one", std::string(64, 'a'), 1});
  story.when("rows", PutFile{"deep/er", std::string(64, 'a'), 1}).then_refused(ErrorCode::conflict, "data.path");
  story.when("rows", PutFile{"deep/er/one/two", std::string(64, 'a'), 1}).then_refused(ErrorCode::conflict, "data.path");
  story.when("rows", PutFile{"deep/ernest", std::string(64, 'a'), 1}).then({"FilePut"});
  story.when("x1", CreateFileset{"", "generic", {file("a"), file("a/b")}}).then_refused(ErrorCode::invalid, "data.files[1].path");
  story.when("x1", CreateFileset{"", "generic", {file("a/b"), file("a")}}).then_refused(ErrorCode::invalid, "data.files[1].path");
  story.when("x1", CreateFileset{"", "generic", {file("a"), file("a")}}).then_refused(ErrorCode::invalid, "data.files[1].path");
}

TEST_CASE("a file is put by digest and size, and putting it again changes nothing") {
  Story story = a_workshop();
  story.given("rows", PutFile{"new", std::string(64, '1'), 5}).then({"FilePut"});
  const Version content = story.fileset("rows").content_version;
  story.when("rows", PutFile{"new", std::string(64, '1'), 5}).then_nothing();
  story.when("rows", PutFile{"new", std::string(64, '2'), 5}).then({"FilePut"});
  story.when("rows", PutFile{"new", std::string(63, '2'), 5}).then_refused(ErrorCode::invalid, "data.digest");
  story.when("rows", PutFile{"new", std::string(64, 'A'), 5}).then_refused(ErrorCode::invalid, "data.digest");
  story.when("rows", PutFile{"new", std::string(64, '2'), -2}).then_refused(ErrorCode::invalid, "data.size");
  story.when("rows", PutFile{"new", std::string(64, '2'), -1}).then_refused(ErrorCode::internal, "data.size");
  story.when("none", PutFile{"new", std::string(64, '2'), 1}).then_refused(ErrorCode::not_found, "name");
  story.given("rows", UpdateFileset{"described", {}}).then({"FilesetUpdated"});
  CHECK(story.fileset("rows").content_version == content);
  story.given("rows", DeleteFile{"new"}).then({"FileDeleted"});
  CHECK(story.fileset("rows").content_version == content + 2);
  story.when("rows", DeleteFile{"new"}).then_refused(ErrorCode::not_found, "data.path");
  story.limits.files_per_fileset_max = 1;
  story.when("rows", PutFile{"second", std::string(64, '2'), 1}).then_refused(ErrorCode::limit, "data.path");
}

TEST_CASE("an update that changes nothing is no event") {
  Story story = a_workshop();
  story.when("rows", UpdateFileset{}).then_nothing();
  story.when("rows", UpdateFileset{"", "dataset"}).then_nothing();
  story.when("rows", UpdateFileset{{}, "model"}).then({"FilesetUpdated"});
  story.when("rows", UpdateFileset{{}, "poem"}).then_refused(ErrorCode::invalid, "data.purpose");
}

TEST_CASE("a fileset that a model, an adapter or an unfinished job needs is not deleted") {
  Story story = a_workshop();
  story.when("smol-files", DeleteFileset{}).then_refused(ErrorCode::conflict, "name");
  story.given("tune", story.start_job("capitals"));
  const auto outcome = story.when("rows", DeleteFileset{});
  outcome.then_refused(ErrorCode::conflict, "name");
  CHECK(outcome.message() == "fileset default/rows is needed by job default/tune");
  story.given("tune", CancelJob{});
  story.given("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{8, 16}});
  story.when("rows", DeleteFileset{}).then_refused(ErrorCode::conflict, "name");
  story.given("smol", DeleteAdapter{"hand"});
  story.given("rows", DeleteFileset{}).then({"FilesetDeleted"});
}

namespace {

template <class C>
Request by_service(Story& story, const std::string& name, C command) {
  auto request = story.request("default", name, command);
  request.key.principal = "service:jobs";
  return request;
}

}  // namespace

TEST_CASE("what a service has made is changed by services alone") {
  Story story = a_workshop();
  story.when("made", CreateFileset{"", "generic", {}, {}, "jobs"}).then_refused(ErrorCode::forbidden, "data.service");
  story.given(by_service(story, "made", CreateFileset{"", "generic", {}, {}, "jobs"})).then({"FilesetCreated", "FilesetDetailsSet"});
  const auto outcome = story.when("made", PutFile{"a", std::string(64, 'a'), 1});
  outcome.then_refused(ErrorCode::forbidden, "name");
  CHECK(outcome.message().find("immutable") != std::string::npos);
  story.given(by_service(story, "made", PutFile{"a", std::string(64, 'a'), 1})).then({"FilePut"});
  story.when("made", DeleteFile{"a"}).then_refused(ErrorCode::forbidden, "name");
  UpdateFileset rename;
  rename.service = "";
  story.when("made", rename).then_refused(ErrorCode::forbidden, "data.service");
  story.given(by_service(story, "made", rename)).then({"FilesetDetailsSet"});
  story.given("made", DeleteFile{"a"}).then({"FileDeleted"});
}

TEST_CASE("members of the details are replaced as a whole, nulls inside them included") {
  Story story = a_workshop();
  UpdateFileset update;
  update.members = JsonText{R"({"custom":{"a":{"x":1},"b":null},"cache":true})"};
  story.given("rows", update).then({"FilesetDetailsSet"});
  CHECK(story.fileset("rows").details.text == R"({"custom":{"a":{"x":1},"b":null},"cache":true})");
  update.members = JsonText{R"({"custom":{"a":{"y":null}},"cache":null})"};
  story.given("rows", update).then({"FilesetDetailsSet"});
  CHECK(story.fileset("rows").details.text == R"({"custom":{"a":{"y":null}}})");
  story.when("rows", update).then_nothing();
  update.members = JsonText{"[1]"};
  story.when("rows", update).then_refused(ErrorCode::invalid, "data.details");
}

TEST_CASE("a fileset's project exists when it is set") {
  Story story = a_workshop();
  UpdateFileset update;
  update.members = JsonText{R"({"project":"house"})"};
  const auto outcome = story.when("rows", update);
  outcome.then_refused(ErrorCode::invalid, "data.project");
  CHECK(outcome.message() == "project house does not exist");
  story.given("project::house", CreateRecord{"", JsonText{"{}"}});
  story.given("rows", update);
  story.given("project::house", DeleteRecord{});
  update.description = "still of the house that is gone";
  story.given("rows", update).then({"FilesetUpdated"});
}

TEST_CASE("quotas count what a file replaces, and say the numbers") {
  Story story = a_workshop();  // "rows" has 10 bytes, "smol-files" as well
  story.limits.fileset_bytes_max = 100;
  story.given("rows", PutFile{"big", std::string(64, 'a'), 90});
  const auto outcome = story.when("rows", PutFile{"one", std::string(64, 'a'), 1});
  outcome.then_refused(ErrorCode::limit, "data.size");
  CHECK(outcome.message() == "the fileset would have 101 bytes; 100 are allowed");
  story.given("rows", PutFile{"big", std::string(64, 'b'), 90}).then({"FilePut"});
  story.when("other", CreateFileset{"", "generic", {file("a", 'a', 101)}}).then_refused(ErrorCode::limit, "data.size");
  story.limits.workspace_bytes_max = 120;
  story.when("other", CreateFileset{"", "generic", {file("a", 'a', 11)}}).then_refused(ErrorCode::limit, "workspace");
  story.given("other", CreateFileset{"", "generic", {file("a", 'a', 10)}});
  story.when("other", PutFile{"b", std::string(64, 'a'), 1}).then_refused(ErrorCode::limit, "workspace");
  story.limits.workspace_bytes_max = 100;
  story.when("rows", PutFile{"big", std::string(64, 'c'), 80}).then({"FilePut"});  // less than before: always possible
}

}  // namespace luthier::events
