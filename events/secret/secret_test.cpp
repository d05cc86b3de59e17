#include "events/world/story_test.hpp"

namespace luthier::events {
namespace {

CreateSecret sealed(const std::string& key_id) {
  CreateSecret create;
  create.box = "box";
  create.sealed = SealedValue{key_id, "cipher"};
  return create;
}

Story a_vault() {
  Story story;
  story.given_in("system", "default", CreateWorkspace{});
  story.given("HF_TOKEN", sealed("key-1"));
  return story;
}

}  // namespace

TEST_CASE("a secret is decided on once its value has been sealed") {
  Story story = a_vault();
  story.when("HF_TOKEN", sealed("key-2")).then_refused(ErrorCode::conflict, "name");
  story.when("other", CreateSecret{{}, "box", {}}).then_refused(ErrorCode::internal, "data.sealed");
  story.when("bad name", sealed("key-2")).then_refused(ErrorCode::invalid, "name");
  story.when("", sealed("key-2")).then_refused(ErrorCode::invalid, "name");
}

TEST_CASE("an update of a secret changes the description, the value, or nothing") {
  Story story = a_vault();
  UpdateSecret described;
  described.description = "";
  story.given("HF_TOKEN", described).then({"SecretUpdated"});
  story.when("HF_TOKEN", described).then_nothing();
  UpdateSecret rotated;
  rotated.box = "box";
  rotated.sealed = SealedValue{"key-2", "cipher"};
  story.given("HF_TOKEN", rotated).then({"SecretUpdated"});
  CHECK(story.world.secrets.at({"default", "HF_TOKEN"}).sealed.key_id == "key-2");
}

TEST_CASE("a deleted secret is gone and its name is free") {
  Story story = a_vault();
  story.given("HF_TOKEN", DeleteSecret{}).then({"SecretDeleted"});
  story.when("HF_TOKEN", DeleteSecret{}).then_refused(ErrorCode::not_found, "name");
  story.given("HF_TOKEN", sealed("key-3"));
}

}  // namespace luthier::events
