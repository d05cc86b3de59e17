#include "events/codec/codec.hpp"
#include "events/world/random_story_test.hpp"

namespace luthier::events {

TEST_CASE("a world that is folded from stored bytes is the one that decided them") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    RandomStory random(seed);
    World stored;
    for (int step = 0; step < 800; ++step) {
      const auto decision = decide(random.story.world, random.next());
      if (!decision) continue;
      for (Fact fact : *decision) {
        evolve(random.story.world, fact);
        const EncodedEvent encoded = encode(fact.event);
        const auto decoded = decode_event(encoded.type, encoded.version, encoded.data);
        REQUIRE(decoded);
        fact.event = *decoded;
        evolve(stored, fact);
      }
    }
    CHECK(stored == random.story.world);
  }
}

}  // namespace luthier::events
