// config.json of every family with members exchanged for anything: it is refused with a message, or what it describes can be written
// and read again.
#include <algorithm>
#include <random>

#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

using nlohmann::json;
using Random = std::mt19937;

const std::vector<json>& strange_values() {
  static const std::vector<json> values{
      nullptr, true, false, 0, -1, 1, 2, 3, 7, 64, 1000, 65536, 1 << 22, std::int64_t{1} << 40, INT64_MIN, UINT64_MAX, 0.5, -0.5, 1e-300, 1e300,
      "", "silu", "gelu", "default", "yarn", "longrope", "\u00ff\n", json::array(), json::object(), json{1, 2, 3}, json{0, 1, 0}, json{1.5, "x"},
      json{"sliding_attention", "full_attention"}, json{{"rope_type", "longrope"}}, json{{"rope_type", "llama3"}, {"factor", 2}},
      json{{"full_attention", {{"rope_type", "linear"}, {"factor", 3}}}}, json{{"attention", 1}}, json{{"quant_method", "mxfp4"}}};
  return values;
}

template <class Values>
const auto& one_of(const Values& values, Random& random) {
  return values[random() % values.size()];
}

// Somewhere in the value, at any depth.
void spoil(json& value, Random& random) {
  if (value.is_structured() && !value.empty() && random() % 4 != 0) {
    auto child = value.begin();
    std::advance(child, static_cast<std::ptrdiff_t>(random() % value.size()));
    if (random() % 8 == 0) value.erase(child);
    else spoil(*child, random);
    return;
  }
  value = one_of(strange_values(), random);
}

std::vector<json> published_configs() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/families")) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<json> configs;
  for (const auto& path : paths) configs.push_back(read_json(path / "config.json"));
  return configs;
}

}  // namespace

TEST_CASE("a spoilt config.json of any family is refused or describes a model") {
  const auto configs = published_configs();
  Random random(7);
  int refused = 0, read = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto config = one_of(configs, random);
    for (auto changes = random() % 3 + 1; changes > 0; --changes) spoil(config, random);
    if (!config.is_object()) continue;
    const auto decoder = parse_hub_config(config, "config.json");
    if (!decoder) {
      ++refused;
      CHECK(decoder.error().message.starts_with("config.json: "));
      CHECK_FALSE(decoder.error().field.empty());
      continue;
    }
    ++read;
    INFO(config.dump());
    REQUIRE(decoder->layers.size() == static_cast<std::size_t>(decoder->num_layers));
    if (decoder->num_layers <= 8) {
      CHECK(count_parameters(*decoder) > 0);
      CHECK(linear_layers(*decoder).size() > 1);
    }
    auto again = parse_hub_config(json::parse(hub_config(*decoder).dump()), "config.json");
    REQUIRE((again ? "" : again.error().message) == "");
    again->dtype = decoder->dtype;
    CHECK(*again == *decoder);
  }
  CHECK(refused > 1000);
  CHECK(read > 1000);
}

}  // namespace luthier::checkpoint
