#include "actors/api/provider_discovery.hpp"

#include <catch2/catch.hpp>

namespace luthier::api {

using rest::Json;
using namespace std::chrono_literals;

TEST_CASE("an external model's id becomes a name that an entity can have") {
  CHECK(entity_name_of("meta/Llama-3.1-8B-Instruct") == "meta-llama-3-1-8b-instruct");
  CHECK(entity_name_of("__gpt__4o__") == "gpt-4o");
  CHECK(entity_name_of("01-ai/yi") == "m-01-ai-yi");
  CHECK(entity_name_of("x") == "m-x");
  CHECK(entity_name_of("...") == "m-m");
  const auto long_name = entity_name_of(std::string(100, 'a') + "/b");
  CHECK(long_name.size() == 63);
  CHECK(long_name.substr(0, 55) == std::string(54, 'a') + "-");
}

TEST_CASE("the models of an external provider are entities of its workspace, as far as they are enabled") {
  const Json answer = {{"data", {{{"id", "meta/llama"}}, {{"id", "b"}}, {{"name", "none"}}}}};
  const auto all = discovered(answer, "lab", nullptr, false);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].entity == "lab/meta-llama");
  CHECK((*all)[0].served_name == "meta/llama");
  const auto some = discovered(answer, "lab", Json::array({"b"}), false);
  REQUIRE(some->size() == 1);
  CHECK((*some)[0].served_name == "b");
  CHECK_FALSE(discovered({{"models", Json::array()}}, "lab", nullptr, false));
  CHECK_FALSE(discovered("text", "lab", nullptr, false));
}

TEST_CASE("what an engine of a deployment lists is base, adapter, prompt-tuned, or passed over") {
  const Json answer = {{"data",
                        {{{"id", "default/base"}, {"root", "/model"}, {"parent", nullptr}},
                         {{"id", "lab--a1"}, {"root", "/a"}, {"parent", "default/base"}},
                         {{"id", "default/lab--a2"}, {"parent", "default/base"}},
                         {{"id", "a3"}, {"parent", "default/base"}},
                         {{"id", "tuned"}, {"root", "default/base"}, {"parent", nullptr}},
                         {{"id", "Something Else"}, {"root", "x"}, {"parent", nullptr}}}}};
  const auto served = discovered(answer, "default", nullptr, true);
  REQUIRE(served);
  std::vector<std::string> entities;
  for (const auto& one : *served) entities.push_back(one.entity);
  CHECK(entities == std::vector<std::string>{"default/base", "default/base&adapters/lab/a1", "default/base&adapters/lab/a2", "default/base&adapters/default/a3", "default/tuned"});
}

TEST_CASE("a provider that fails is in error after half a minute and lost after a quarter of an hour") {
  ProviderHealth health;
  const auto begin = ProviderHealth::Time() + 1h;
  CHECK(health.is_due(begin));
  CHECK_FALSE(health.failed(begin));
  CHECK_FALSE(health.is_due(begin + 4s));
  CHECK(health.is_due(begin + 5s));
  CHECK_FALSE(health.failed(begin + 29s));
  CHECK(health.failed(begin + 30s) == "ERROR");
  CHECK_FALSE(health.is_due(begin + 89s));
  CHECK(health.failed(begin + 90s) == "ERROR");
  CHECK(health.failed(begin + 900s) == "LOST");
  health.succeeded(begin + 960s);
  CHECK_FALSE(health.failed(begin + 1020s));
}

}  // namespace luthier::api
