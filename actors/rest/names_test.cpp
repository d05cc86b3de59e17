#include "actors/rest/names.hpp"

#include <catch2/catch.hpp>

namespace luthier::rest {
namespace {

bool takes(const Schema& schema, const std::string& text) { return validate(schema, text).problems.empty(); }

}  // namespace

TEST_CASE("the pattern of entity names and the function for them agree") {
  for (const auto& name :
       std::vector<std::string>{"ab", "a-b", "llama-3.2-1b", "a@b", "a+b", "a_b", "a1", std::string("a") + std::string(62, 'x')}) {
    INFO(name);
    CHECK(is_entity_name(name));
    CHECK(takes(entity_name(), name));
  }
  for (const auto& name : std::vector<std::string>{"", "a", "Ab", "1a", "a--b", "ab-", "a b", "a/b", "-ab", "aé", "ab\n",
                                                   std::string("a") + std::string(63, 'x')}) {
    INFO(name);
    CHECK_FALSE(is_entity_name(name));
    CHECK_FALSE(takes(entity_name(), name));
  }
}

TEST_CASE("a model reference is a name, or workspace and name") {
  for (const auto& name : std::vector<std::string>{"llama", "default/llama-3.2", "a0/b0"}) {
    INFO(name);
    CHECK(is_model_reference(name));
    CHECK(takes(model_reference(), name));
  }
  for (const auto& name :
       std::vector<std::string>{"", "a", "a/b", "default/", "/llama", "x1/y1/z1", "default/Llama", "a--b/cc", "aa/b--c", "aa-/bb"}) {
    INFO(name);
    CHECK_FALSE(is_model_reference(name));
    CHECK_FALSE(takes(model_reference(), name));
  }
}

TEST_CASE("names of requests, projects and secrets are looser") {
  CHECK(takes(request_name(), "My.Model_1"));
  CHECK_FALSE(takes(request_name(), "a/b"));
  CHECK_FALSE(takes(request_name(), std::string(256, 'a')));
  CHECK(takes(project_reference(), "ws/project"));
  CHECK_FALSE(takes(project_reference(), "a b"));
  CHECK(takes(secret_reference(), "ws/my_secret"));
  CHECK_FALSE(takes(secret_reference(), "a/b/c"));
  CHECK_FALSE(takes(description(), std::string(1001, 'a')));
}

TEST_CASE("ids and generated names have the contract's form") {
  CHECK(entity_id("platform_job", {}).starts_with("platform-job-1111"));
  std::array<std::uint8_t, 16> random;
  random.fill(0xA7);
  CHECK(is_entity_name("x" + entity_id("model", random).substr(0, 5)));
  CHECK(entity_id("fileset", random).size() > 28);
  CHECK(suffix5(0) == "aaaaa");
  CHECK(generated_name("customization_config", 123'456'789).size() == std::string("customization-config-a1b2c").size());
  CHECK(is_entity_name(generated_name("customization_config", 0xFFFF'FFFF'FFFFULL)));
}

}  // namespace luthier::rest
