#include "actors/api/past_states.hpp"

#include <catch2/catch.hpp>

#include "projections/story_log_test.hpp"

using namespace luthier;
using namespace luthier::api;

TEST_CASE("a past state has what was there then, and nothing later") {
  projections::StoryLog story;
  story.workshop();
  const auto end = story.log.head().position;
  story.must("later", events::CreateFileset{"", "dataset", {}});
  PastStates past(story.log);
  const auto then = past.at(end);
  REQUIRE(then);
  CHECK((*then)->position() == end);
  CHECK(*(*then)->get("model", "default", "smol"));
  CHECK_FALSE(*(*then)->get("fileset_head", "default", "later"));
}

TEST_CASE("who asks for the same position again gets the same state") {
  projections::StoryLog story;
  story.workshop();
  PastStates past(story.log);
  const auto first = past.at(3), second = past.at(3), other = past.at(2);
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE(other);
  CHECK(first->get() == second->get());
  CHECK((*other)->position() == 2);
}

TEST_CASE("a position that the log does not have is refused, and one too far has another reason") {
  projections::StoryLog story;
  story.workshop();
  PastStates past(story.log);
  const auto beyond = past.at(story.log.head().position + 1), too_far = past.at(PastStates::position_max + 1);
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().code == ErrorCode::invalid);
  REQUIRE_FALSE(too_far);
  CHECK(too_far.error().code == ErrorCode::limit);
}
