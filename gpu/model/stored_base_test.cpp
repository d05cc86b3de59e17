// A network over a base in fewer bits, of every family, against the f32 network whose weights are the values that the codes stand for.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/model/network.hpp"

using namespace luthier;
using namespace luthier::model;
using checkpoint::BaseStorage;
using checkpoint::StoredKind;

namespace {

const std::filesystem::path goldens = "tests/golden/families";

template <class T>
T take(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}

// What the codes stand for, in place of the weights.
void put_decoded(const checkpoint::Weights& stored, const checkpoint::Weights& into) {
  for (const auto& [name, tensor] : stored.tensors()) {
    const auto& values = into.find(name)->values;
    if (!tensor.stored || tensor.stored.kind == StoredKind::mxfp4) continue;  // whose values f32 has already
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

double difference(const std::vector<float>& got, const std::vector<float>& expected) {
  if (got.size() != expected.size() || got.empty()) return 1e30;
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return 1e30;
    largest = std::max(largest, std::abs(double(expected[i])));
    apart = std::max(apart, std::abs(double(got[i]) - expected[i]));
  }
  return apart / largest;
}

}  // namespace

TEST_CASE("every family with a base in fewer bits computes what f32 does with the same values") {
  int judged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(goldens)) {
    const auto cases = nlohmann::json::parse(std::ifstream(entry.path() / "cases.json"));
    const std::vector<std::int32_t> ids = cases["sequences"][0];
    for (const auto storage : {BaseStorage::bf16, BaseStorage::int8, BaseStorage::nf4, BaseStorage::as_stored}) {
      INFO(entry.path().filename().string() << " " << checkpoint::to_string(storage));
      const auto stored = take(checkpoint::load_model(entry.path(), 0, storage));
      const auto wide = take(checkpoint::load_model(entry.path()));
      put_decoded(stored.weights, wide.weights);
      CHECK(difference(outputs(stored, true, ids), outputs(wide, false, ids)) < 1e-5);
      const auto plan = take(memory_plan(stored.decoder, {.storage = storage}));
      CHECK(plan.weights == stored.weights.bytes());
      ++judged;
    }
  }
  CHECK(judged >= 4 * 20);
}
