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

}  // namespace luthier::events
