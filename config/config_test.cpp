#include "config/config.hpp"

#include <catch2/catch.hpp>

using namespace luthier;
using namespace luthier::config;

TEST_CASE("an empty file gives the defaults") {
  const auto config = parse_config("", "empty");
  REQUIRE(config);
  CHECK(config->listen == "127.0.0.1:8080");
  CHECK(config->controllers);
}

TEST_CASE("the sample file holds the defaults, every option named") {
  const auto sample = read_config("config/luthier.toml");
  REQUIRE(sample);
  const Config defaults;
  CHECK(sample->data == defaults.data);
  CHECK(sample->listen == defaults.listen);
  CHECK(sample->worker.lease_seconds == defaults.worker.lease_seconds);
  CHECK(sample->worker.checkpoint_every_steps == defaults.worker.checkpoint_every_steps);
}

TEST_CASE("an unknown option is refused with its line") {
  const auto config = parse_config("[worker]\nname = \"a\"\nspeed = 3\n", "my.toml");
  REQUIRE_FALSE(config);
  CHECK(config.error().message == "my.toml: line 3: there is no option worker.speed");
}

TEST_CASE("a value of the wrong type or range names what it must be") {
  const auto config = parse_config("[worker]\nlease_seconds = 1\n", "my.toml");
  REQUIRE_FALSE(config);
  CHECK(config.error().message == "my.toml: line 2: worker.lease_seconds must be a number from 2 to 3600");
}

TEST_CASE("text that is no TOML is refused with its line") {
  CHECK(parse_config("[worker\n", "my.toml").error().message.find("my.toml: line 1") == 0);
}
