#include "events/record/key.hpp"
#include "events/world/story_test.hpp"

namespace luthier::events {
namespace {

CreateRecord with_data(const std::string& json, const std::string& project = "") { return {project, {json}}; }

Story a_library() {
  Story story;
  story.given_in("system", "default", CreateWorkspace{});
  story.given("project::alpha", with_data("{}"));
  return story;
}

}  // namespace

TEST_CASE("a record is unique by kind, parent and name") {
  Story story = a_library();
  story.given("entity.model::base", with_data(R"({"x":1})"));
  const std::string id = story.world.records.at({"default", "entity.model::base"}).id;
  story.when("entity.model::base", with_data("{}")).then_refused(ErrorCode::conflict, "name");
  story.given("entity.adapter::base", with_data("{}"));
  story.given("entity.adapter:" + id + ":base", with_data("{}"));
  story.when("entity.adapter:nobody:base", with_data("{}")).then_refused(ErrorCode::invalid, "data.parent");
  story.when("entity.model", with_data("{}")).then_refused(ErrorCode::invalid, "name");
  story.when("entity.model::Upper", with_data("{}")).then_refused(ErrorCode::invalid, "name");
}

TEST_CASE("the data of a record is an object within its bounds") {
  Story story = a_library();
  story.when("prompt::p1", with_data("[1]")).then_refused(ErrorCode::invalid, "data.data");
  story.when("prompt::p1", with_data("{")).then_refused(ErrorCode::invalid, "data.data");
  story.limits.document_bytes_max = 20;
  story.when("prompt::p1", with_data(R"({"long":"0123456789012345"})")).then_refused(ErrorCode::invalid, "data.data");
}

TEST_CASE("a record may only be of a project that exists") {
  Story story = a_library();
  story.given("prompt::p1", with_data("{}", "alpha"));
  story.when("prompt::p2", with_data("{}", "beta")).then_refused(ErrorCode::invalid, "data.project");
  UpdateRecord to_beta;
  to_beta.project = "beta";
  story.when("prompt::p1", to_beta).then_refused(ErrorCode::invalid, "data.project");
}

TEST_CASE("an update replaces the data or merges into it, and counts as a version each time") {
  Story story = a_library();
  story.given("provider::p1", with_data(R"({"a":1,"b":2})"));
  UpdateRecord patch;
  patch.patch = JsonText{R"({"b":3,"c":4})"};
  story.given("provider::p1", patch).then({"RecordUpdated"});
  CHECK(story.world.records.at({"default", "provider::p1"}).data.text == R"({"a":1,"b":3,"c":4})");
  UpdateRecord replace;
  replace.data = JsonText{"{}"};
  story.given("provider::p1", replace);
  story.given("provider::p1", replace).then({"RecordUpdated"});
  CHECK(story.world.records.at({"default", "provider::p1"}).version == 4);
}

TEST_CASE("a renamed record keeps its id and its versions, and its old name is free") {
  Story story = a_library();
  story.given("entity.thing::one", with_data("{}"));
  const std::string id = story.world.records.at({"default", "entity.thing::one"}).id;
  UpdateRecord rename;
  rename.rename = "two";
  rename.data = JsonText{R"({"n":1})"};
  story.given("entity.thing::one", rename).then({"RecordUpdated", "RecordRenamed"});
  const RecordState& renamed = story.world.records.at({"default", "entity.thing::two"});
  CHECK(renamed.id == id);
  CHECK(renamed.version == 3);
  story.when("entity.thing::one", DeleteRecord{}).then_refused(ErrorCode::not_found, "name");
  story.given("entity.thing::one", with_data("{}"));
  story.when("entity.thing::one", rename).then_refused(ErrorCode::conflict, "name");
}

TEST_CASE("with a record go the records below it") {
  Story story = a_library();
  story.given("entity.model::base", with_data("{}"));
  const std::string id = story.world.records.at({"default", "entity.model::base"}).id;
  story.given_in("system", "lab", CreateWorkspace{});
  story.given_in("lab", "entity.adapter:" + id + ":tuned", with_data("{}"));
  story.given("entity.model::base", DeleteRecord{}).then({"RecordDeleted", "RecordDeleted"});
  CHECK(story.world.records.size() == 1);
  CHECK(story.world.record_children.empty());
  CHECK(story.world.record_ids.size() == 1);
}

}  // namespace luthier::events
