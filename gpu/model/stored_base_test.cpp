// A network over a base in fewer bits, of every family, against the f32 network whose weights are the values that the codes stand for.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/kernels/random.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/model/network.hpp"
#include "gpu/model/test_support.hpp"
#include "gpu/model/trainable.hpp"

using namespace luthier;
using namespace luthier::model;
using namespace luthier::model::test;
using checkpoint::BaseStorage;
using checkpoint::StoredKind;

namespace {

const std::filesystem::path goldens = "tests/golden/families";

// What the codes stand for, in place of the weights.
void put_decoded(const checkpoint::Weights& stored, const checkpoint::Weights& into) {
  for (const auto& [name, tensor] : stored.tensors()) {
    const auto& values = into.find(name)->values;
    if (!tensor.stored || checkpoint::is_copied(tensor.stored.kind)) continue;  // whose values f32 has already
    checkpoint::decode_plain(tensor.stored, 0, values);
  }
}

std::vector<float> outputs(const checkpoint::Model& model, bool stored, const std::vector<std::int32_t>& ids) {
  const auto network = take(bind(model.decoder, {.weights = &model.weights}));
  auto workspace = take(make_workspace(model.decoder, nullptr, {.tokens = static_cast<std::int64_t>(ids.size()), .stored_weights = stored}));
  const Batch batch = make_batch_for_logits(ids);
  forward(network, batch, {}, workspace);
  std::vector<float> all;
  const std::int64_t width = model.decoder.has_head ? model.decoder.vocab_size : model.decoder.hidden_size;
  const auto keep = [&](std::int64_t, std::int64_t rows, const float* chunk) { all.insert(all.end(), chunk, chunk + rows * width); };
  if (model.decoder.has_head)
    logits(network, batch, workspace, keep);
  else
    hidden_states(network, batch, workspace, keep);
  return all;
}

// Of an adapter on all linear layers with values of its own: the loss, and all gradients one after the other.
std::vector<float> gradients(const checkpoint::Model& model, bool stored, const Sequence& row) {
  checkpoint::LoraConfig config;
  config.target_pattern = "all-linear";
  config.r = 3;
  auto adapter = take(checkpoint::make_adapter(config, model.decoder));
  std::uint64_t number = 0;
  for (auto& module : adapter.modules)
    for (auto* tensor : {&module.a, &module.b})
      kernels::fill_uniform(static_cast<std::int64_t>(tensor->values.size()), 3, ++number, -0.1f, 0.1f, tensor->values.data());
  auto trainable = take(Trainable::lora(model.decoder, adapter, Keep::gradients));
  const auto network = take(trainable.bind(model.decoder, model.weights));
  const Batch batch = make_batch({&row, 1});
  auto workspace = take(make_workspace(model.decoder, trainable.lora_layout(), {.tokens = batch.tokens(), .backward = true, .stored_weights = stored}));
  forward(network, batch, {}, workspace);
  std::vector<float> all{static_cast<float>(loss_and_gradient(network, batch, 1, {}, workspace))};
  backward(network, batch, {}, workspace);
  for (const Parameter& p : trainable.parameters()) all.insert(all.end(), p.gradient, p.gradient + p.count);
  return all;
}

}  // namespace

TEST_CASE("every family with a base in fewer bits computes what f32 does with the same values") {
  int judged = 0, trained = 0;
  for (const auto& entry : std::filesystem::directory_iterator(goldens)) {
    const auto cases = nlohmann::json::parse(std::ifstream(entry.path() / "cases.json"));
    const std::vector<std::int32_t> ids = cases["sequences"][0];
    for (const auto storage : {BaseStorage::bf16, BaseStorage::int8, BaseStorage::nf4, BaseStorage::as_stored}) {
      INFO(entry.path().filename().string() << " " << checkpoint::to_string(storage));
      const auto stored = take(checkpoint::load_model(entry.path(), 0, storage));
      const auto wide = take(checkpoint::load_model(entry.path()));
      put_decoded(stored.weights, wide.weights);
      CHECK(difference(outputs(stored, true, ids), outputs(wide, false, ids)) < 1e-5);
      if (cases.contains("loss")) {
        const std::vector<std::int32_t> tokens = cases["loss"]["rows"][0]["tokens"], labels = cases["loss"]["rows"][0]["labels"];
        CHECK(difference(gradients(stored, true, {tokens, labels}), gradients(wide, false, {tokens, labels})) < 2e-5);
        ++trained;
      }
      const auto plan = take(memory_plan(stored.decoder, {.storage = storage}));
      CHECK(plan.weights == stored.weights.bytes());
      ++judged;
    }
  }
  CHECK(judged >= 4 * 20);
  CHECK(trained >= 4 * 16);
}

TEST_CASE("the logits of a GGUF file are those that transformers computes for the checkpoint that it was made of, as f32 and as it is stored") {
  int judged = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/gguf")) {
    if (entry.path().extension() != ".gguf") continue;
    auto path = entry.path();
    const auto wide = take(checkpoint::load_model(path)), stored = take(checkpoint::load_model(path, 0, BaseStorage::as_stored));
    const auto expected = take(checkpoint::SafetensorsFile::open(path.replace_extension("safetensors")));
    const auto cases = nlohmann::json::parse(std::ifstream(path.replace_extension("json")));
    for (std::size_t i = 0; i < cases["sequences"].size(); ++i) {
      INFO(path.stem().string() << " " << i);
      const auto* tensor = expected.find("logits." + std::to_string(i));
      std::vector<float> logits(tensor->count());
      REQUIRE(checkpoint::to_f32(*tensor, logits));
      const auto ours = outputs(wide, false, cases["sequences"][i]);
      CHECK(difference(ours, logits) < 1e-5);
      CHECK(difference(outputs(stored, true, cases["sequences"][i]), ours) < 1e-6);
      ++judged;
    }
  }
  CHECK(judged == 13 * 3);
}
