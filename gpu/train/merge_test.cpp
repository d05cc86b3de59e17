#include "gpu/train/merge.hpp"

#include <catch2/catch.hpp>

#include "gpu/train/test_support.hpp"

using namespace luthier;
using namespace luthier::train;

namespace {

const std::filesystem::path tiny = "tests/golden/models/llama-tiny", tiny_adapter = "tests/golden/models/llama-tiny-adapter";

}  // namespace

TEST_CASE("a merged layer has its weights and the scaled product of B and A") {
  auto model = checkpoint::load_model(tiny);
  REQUIRE(model);
  const auto adapter = checkpoint::load_adapter(tiny_adapter, model->decoder);
  REQUIRE(adapter);
  const auto& module = adapter->modules.front();
  const auto* weight = model->weights.find(module.name + ".weight");
  const std::vector<float> before(weight->values.begin(), weight->values.end());
  merge_adapter(*adapter, model->weights);
  const auto in = static_cast<std::size_t>(weight->shape[1]), rank = static_cast<std::size_t>(module.r);
  for (const std::size_t at : {std::size_t{0}, in + 3, before.size() - 1}) {
    double change = 0;
    for (std::size_t r = 0; r < rank; ++r) change += module.b.values[at / in * rank + r] * module.a.values[r * in + at % in];
    CHECK(weight->values[at] == Approx(before[at] + module.scale * change).margin(1e-6));
  }
}

TEST_CASE("an adapter of a tied lm_head is not merged") {
  auto decoder = checkpoint::read_decoder(tiny);
  REQUIRE(decoder);
  checkpoint::LoraConfig config;
  config.target_modules = {"lm_head"};
  decoder->tie_word_embeddings = true;
  const auto adapter = checkpoint::make_adapter(config, *decoder);
  REQUIRE(adapter);
  CHECK(check_mergeable(*adapter, *decoder).error().field == "lora.target_modules");
  decoder->tie_word_embeddings = false;
  CHECK(check_mergeable(*adapter, *decoder));
}
