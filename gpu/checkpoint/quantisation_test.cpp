#include "gpu/checkpoint/quantisation.hpp"

#include "gpu/checkpoint/gguf.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {

TEST_CASE("each format's blocks mean what the gguf package says") {
  const auto file = SafetensorsFile::open(goldens / "quants.safetensors");
  REQUIRE(file);
  int formats = 0;
  for (std::uint32_t type = 0; type < 40; ++type) {
    const auto* format = find_format(type);
    const auto* blocks = format ? file->find(std::string(format->name) + ".blocks") : nullptr;
    if (!blocks) continue;
    INFO(format->name);
    ++formats;
    const auto* expected = file->find(std::string(format->name) + ".values");
    std::vector<float> ours(expected->count()), theirs(expected->count());
    REQUIRE(to_f32(*expected, theirs));
    REQUIRE(blocks->bytes.size() / format->bytes_per_block * static_cast<std::size_t>(format->values_per_block) == ours.size());
    REQUIRE(dequantise({type, {static_cast<std::int64_t>(ours.size())}, blocks->bytes}, ours));
    CHECK(ours == theirs);
  }
  CHECK(formats == 9);
}

}  // namespace luthier::checkpoint
