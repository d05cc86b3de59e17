// An adapter that is only looked at in its file is the one that is read.
#include <algorithm>
#include <catch2/catch.hpp>

#include "gpu/checkpoint/adapter.hpp"

using namespace luthier;
using namespace luthier::checkpoint;

TEST_CASE("an adapter that is looked at has the values of one that is read") {
  const std::filesystem::path golden = "tests/golden";
  const auto decoder = read_decoder(golden / "models/llama-tiny");
  REQUIRE(decoder);
  std::size_t values = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden / "checkpoint")) {
    if (!std::filesystem::exists(entry.path() / "adapter_config.json")) continue;
    const auto read = load_adapter(entry.path(), *decoder), viewed = view_adapter(entry.path(), *decoder);
    INFO(entry.path().string());
    REQUIRE(bool(read) == bool(viewed));
    if (!read) {
      CHECK(read.error().message == viewed.error().message);
      continue;
    }
    REQUIRE(read->modules.size() == viewed->modules.size());
    for (std::size_t i = 0; i < read->modules.size(); ++i) {
      const auto &a = read->modules[i], &b = viewed->modules[i];
      CHECK(a.name == b.name);
      CHECK(a.r == b.r);
      CHECK(a.scale == b.scale);
      for (const auto member : {&LoraModule::a, &LoraModule::b}) {
        CHECK((a.*member).shape == (b.*member).shape);
        CHECK(std::ranges::equal((a.*member).values, (b.*member).values));
        values += (a.*member).values.size();
      }
    }
  }
  CHECK(values > 1000);
}
