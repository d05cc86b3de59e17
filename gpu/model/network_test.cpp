// The whole network against transformers and PEFT: logits, loss, and the gradient of everything that can be trained.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/model/test_support.hpp"
#include "gpu/model/trainable.hpp"

using namespace luthier;
using namespace luthier::model;
using namespace luthier::model::test;
using nlohmann::json;

namespace {

const std::string goldens = "tests/golden/train/";

json read_json(const std::string& name) { return json::parse(std::ifstream(goldens + name)); }

struct Row {
  std::vector<std::int32_t> ids, labels;
  Sequence sequence() const { return {ids, labels}; }
};

std::vector<Row> read_rows(const std::string& name) {
  std::vector<Row> rows;
  std::ifstream in(goldens + name);
  for (std::string line; std::getline(in, line);) {
    const auto row = json::parse(line);
    rows.push_back({row["input_ids"], row["labels"]});
  }
  return rows;
}

std::vector<Sequence> sequences_of(const std::vector<Row>& rows) {
  std::vector<Sequence> sequences;
  for (const Row& row : rows) sequences.push_back(row.sequence());
  return sequences;
}

using Tensors = std::map<std::string, std::vector<float>>;

Tensors read_tensors(const std::string& name) {
  const auto file = take(checkpoint::SafetensorsFile::open(goldens + name));
  Tensors tensors;
  for (const auto& [key, stored] : file.tensors()) {
    auto& values = tensors[key];
    values.resize(stored.count());
    REQUIRE(checkpoint::to_f32(stored, values));
  }
  return tensors;
}

Tensors gradients_of(const Trainable& trainable) {
  Tensors tensors;
  for (const Parameter& p : trainable.parameters()) tensors[p.name] = {p.gradient, p.gradient + p.count};
  return tensors;
}

void check_all_close(const Tensors& got, const Tensors& expected, double limit) {
  CHECK(got.size() == expected.size());
  for (const auto& [name, values] : expected) {
    INFO(name);
    REQUIRE(got.contains(name));
    CHECK(difference(got.at(name), values) < limit);
  }
}

PassSize size_for(const Batch& batch, bool backward) {
  return {.tokens = batch.tokens(), .head_chunk = 7, .backward = backward};  // 7: several chunks, the last one smaller
}

std::vector<float> logits_of(const Network& network, const std::vector<std::int32_t>& ids) {
  const Batch batch = make_batch_for_logits(ids);
  auto ws = take(make_workspace(network.decoder, nullptr, size_for(batch, false)));
  forward(network, batch, {}, ws);
  std::vector<float> all;
  logits(network, batch, ws, [&](std::int64_t, std::int64_t rows, const float* values) {
    all.insert(all.end(), values, values + rows * network.decoder.vocab_size);
  });
  return all;
}

// Mean loss over all rows, with gradients left in `trainable`. `batches`: which rows go together.
double train_pass(const Trainable& trainable, const checkpoint::Model& base, const std::vector<std::vector<Sequence>>& batches) {
  std::int64_t supervised = 0;
  for (const auto& sequences : batches) supervised += make_batch(sequences).supervised();
  const auto network = take(trainable.bind(base.decoder, base.weights));
  double total = 0;
  for (const auto& sequences : batches) {
    const Batch batch = make_batch(sequences);
    auto ws = take(make_workspace(base.decoder, trainable.lora_layout(), size_for(batch, true)));
    forward(network, batch, {}, ws);
    total += loss_and_gradient(network, batch, 1.0f / float(supervised), {}, ws);
    backward(network, batch, {}, ws);
  }
  return total / double(supervised);
}

checkpoint::Model load(const std::string& name) { return take(checkpoint::load_model(goldens + name)); }

}  // namespace

TEST_CASE("logits are those of transformers, with and without biases, tied and untied") {
  for (const std::string name : {"tied", "biased"}) {
    const auto base = load(name);
    const auto network = take(bind(base.decoder, {.weights = &base.weights}));
    const auto rows = read_rows("rows.jsonl");
    for (const auto& [key, expected] : read_tensors(name + ".logits.safetensors")) {
      INFO(name << " " << key);
      CHECK(difference(logits_of(network, rows[std::stoul(key.substr(7))].ids), expected) < 1e-5);
    }
  }
}

TEST_CASE("every rope scaling gives transformers' logits for sequences within and beyond the trained length") {
  const auto base = load("tied");
  const auto expected = read_tensors("stretched.logits.safetensors");
  const auto cases = read_json("stretched.json");
  using checkpoint::Rope;
  const std::map<std::string, Rope::Kind> kinds{
      {"linear", Rope::Kind::linear}, {"dynamic", Rope::Kind::dynamic}, {"yarn", Rope::Kind::yarn}, {"longrope", Rope::Kind::longrope}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& rope = cases[i]["rope"];
    auto decoder = base.decoder;
    decoder.rope.kind = kinds.at(rope["rope_type"]);
    decoder.rope.factor = rope["factor"];
    decoder.rope.original_max_position_embeddings = rope.value("original_max_position_embeddings", 0);
    decoder.rope.short_factor = rope.value("short_factor", std::vector<double>{});
    decoder.rope.long_factor = rope.value("long_factor", std::vector<double>{});
    const auto network = take(bind(decoder, {.weights = &base.weights}));
    const auto all = logits_of(network, cases[i]["ids"]);
    const std::vector<float> last(all.end() - 2 * decoder.vocab_size, all.end());
    INFO(rope.dump() << " length " << cases[i]["ids"].size());
    CHECK(difference(last, expected.at("logits." + std::to_string(i))) < 2e-5);
  }
}

TEST_CASE("packed sequences give the logits that each gives alone") {
  const auto base = load("tied");
  auto decoder = base.decoder;
  decoder.rope.kind = checkpoint::Rope::Kind::dynamic;  // whose angles depend on each sequence's own length
  decoder.rope.factor = 4;
  decoder.max_position_embeddings = 12;
  const auto network = take(bind(decoder, {.weights = &base.weights}));
  const auto rows = read_rows("rows.jsonl");
  Batch packed = make_batch(sequences_of(rows));
  packed.head_rows.clear();
  for (std::int32_t t = 0; t < packed.tokens(); ++t) packed.head_rows.push_back(t);
  auto ws = take(make_workspace(decoder, nullptr, size_for(packed, false)));
  forward(network, packed, {}, ws);
  std::vector<float> together, alone;
  logits(network, packed, ws, [&](std::int64_t, std::int64_t count, const float* values) {
    together.insert(together.end(), values, values + count * decoder.vocab_size);
  });
  for (const Row& row : rows) {
    const auto one = logits_of(network, row.ids);
    alone.insert(alone.end(), one.begin(), one.end());
  }
  CHECK(difference(together, alone) < 2e-6);
}

TEST_CASE("the loss and the gradient of every weight are those of transformers") {
  const auto answers = read_json("full.json");
  for (const std::string name : {"tied", "biased"}) {
    auto base = load(name);
    const auto rows = read_rows("rows.jsonl");
    auto trainable = take(Trainable::full(base.decoder, base.weights, Keep::gradients));
    const double loss = train_pass(trainable, base, {sequences_of(rows)});
    INFO(name);
    CHECK(loss == Approx(answers[name]["loss"].get<double>()).epsilon(2e-6));
    check_all_close(gradients_of(trainable), read_tensors(name + ".gradients.safetensors"), 2e-5);
  }
}

TEST_CASE("the gradients of adapters are those of PEFT, on all layers, on some, with ranks and scales of their own") {
  const auto answers = read_json("lora.json");
  for (const auto& [name, answer] : answers.items()) {
    const auto base = load(answer["base"]);
    auto adapter = take(checkpoint::load_adapter(goldens + name, base.decoder));
    auto trainable = take(Trainable::lora(base.decoder, adapter, Keep::gradients));
    const double loss = train_pass(trainable, base, {sequences_of(read_rows("rows.jsonl"))});
    INFO(name);
    CHECK(loss == Approx(answer["loss"].get<double>()).epsilon(2e-6));
    check_all_close(gradients_of(trainable), read_tensors(name + ".gradients.safetensors"), 2e-5);
  }
}

TEST_CASE("gradients accumulate over batches to those of one batch") {
  auto base = load("biased");
  const auto rows = read_rows("rows.jsonl");
  const auto all = sequences_of(rows);
  auto together = take(Trainable::full(base.decoder, base.weights, Keep::gradients));
  auto apart = take(Trainable::full(base.decoder, base.weights, Keep::gradients));
  const double loss = train_pass(together, base, {all});
  CHECK(train_pass(apart, base, {{all[0]}, {all[1], all[2]}, {all[3], all[4]}}) == Approx(loss).epsilon(1e-7));
  check_all_close(gradients_of(apart), gradients_of(together), 2e-6);
  apart.zero_gradients();
  CHECK(apart.gradient_norm() == 0);
}

TEST_CASE("dropout repeats its choice for the same pass, and its gradient agrees with the change of the loss") {
  const auto base = load("tied");
  auto adapter = take(checkpoint::load_adapter(goldens + "lora-all", base.decoder));
  auto trainable = take(Trainable::lora(base.decoder, adapter, Keep::gradients));
  const auto network = take(trainable.bind(base.decoder, base.weights));
  const auto rows = read_rows("rows.jsonl");
  const Batch batch = make_batch(sequences_of(rows));
  auto size = size_for(batch, true);
  size.dropout = true;
  auto ws = take(make_workspace(base.decoder, trainable.lora_layout(), size));
  const auto loss_with = [&](std::uint64_t pass, double rate) {
    forward(network, batch, {rate, 9, pass}, ws);
    return loss_and_gradient(network, batch, 1.0f, {rate, 9, pass}, ws);
  };
  CHECK(loss_with(1, 0.3) == loss_with(1, 0.3));
  CHECK(loss_with(1, 0.3) != loss_with(2, 0.3));
  CHECK(loss_with(1, 0.3) != loss_with(1, 0));

  loss_with(1, 0.3);
  trainable.zero_gradients();
  loss_with(1, 0.3);
  backward(network, batch, {0.3, 9, 1}, ws);
  for (const std::size_t which : {0, 1, 8, 15, 26}) {  // A and B of several layers
    const Parameter& p = trainable.parameters()[which];
    const std::int64_t at = p.count / 2;
    const float before = p.value[at], step = 2e-3f;
    p.value[at] = before + step;
    const double above = loss_with(1, 0.3);
    p.value[at] = before - step;
    const double below = loss_with(1, 0.3);
    p.value[at] = before;
    INFO(p.name);
    CHECK((above - below) / (2 * step) == Approx(p.gradient[at]).epsilon(0.02).margin(2e-3));
  }
}

TEST_CASE("a step has the same bits each time") {
  auto base = load("tied");
  const auto rows = read_rows("rows.jsonl");
  auto first = take(Trainable::full(base.decoder, base.weights, Keep::gradients));
  auto second = take(Trainable::full(base.decoder, base.weights, Keep::gradients));
  CHECK(train_pass(first, base, {sequences_of(rows)}) == train_pass(second, base, {sequences_of(rows)}));
  CHECK(gradients_of(first) == gradients_of(second));
}

TEST_CASE("the memory plan is what is allocated") {
  auto base = load("tied");
  auto adapter = take(checkpoint::load_adapter(goldens + "lora-part", base.decoder));
  for (const bool backward : {false, true})
    for (const bool dropout : {false, true}) {
      const PassSize size{.tokens = 100, .head_chunk = 16, .backward = backward, .dropout = dropout};
      const auto plan = take(memory_plan(base.decoder, {.modules = adapter.modules, .pass = size}));
      const auto trainable = take(Trainable::lora(base.decoder, adapter, Keep::gradients_and_moments));
      CHECK(plan.weights == base.weights.bytes());
      CHECK(plan.training == trainable.bytes());
      CHECK(plan.workspace == workspace_floats(base.decoder, trainable.lora_layout(), size) * sizeof(float));

      const auto full_plan = take(memory_plan(base.decoder, {.full = true, .pass = size}));
      CHECK(full_plan.training == take(Trainable::full(base.decoder, base.weights, Keep::gradients_and_moments)).bytes());
    }
}

TEST_CASE("no pass writes outside of its workspace") {
  const auto base = load("tied");
  auto adapter = take(checkpoint::load_adapter(goldens + "lora-all", base.decoder));
  auto trainable = take(Trainable::lora(base.decoder, adapter, Keep::gradients));
  const auto network = take(trainable.bind(base.decoder, base.weights));
  const auto rows = read_rows("rows.jsonl");
  const Batch batch = make_batch(sequences_of(rows));
  // A workspace for more tokens than the batch has: what lies beyond the batch's rows in each layer must stay zero.
  auto ws = take(make_workspace(base.decoder, trainable.lora_layout(),
                                {.tokens = batch.tokens() + 8, .head_chunk = 7, .backward = true}));
  forward(network, batch, {}, ws);
  loss_and_gradient(network, batch, 1, {}, ws);
  backward(network, batch, {}, ws);
  const auto zero = [](const float* from, std::int64_t count) {
    return std::all_of(from, from + count, [](float v) { return v == 0; });
  };
  const std::int64_t hidden = base.decoder.hidden_size, width = 2 * base.decoder.intermediate_size;
  for (const BlockBuffers& block : ws.blocks) {
    CHECK(zero(block.x + batch.tokens() * hidden, 8 * hidden));
    if (block.gate_up) CHECK(zero(block.gate_up + batch.tokens() * width, 8 * width));
  }
  CHECK(zero(ws.dx + batch.tokens() * hidden, 8 * hidden));
}

TEST_CASE("an adapter for a layer that the network lacks is refused by name") {
  const auto base = load("tied");
  checkpoint::LoraModule module;
  module.name = "model.layers.7.self_attn.q_proj";
  module.r = 4;
  const auto layout = lay_out_lora(base.decoder, {&module, 1});
  REQUIRE_FALSE(layout);
  CHECK(layout.error().message.find("model.layers.7.self_attn.q_proj") != std::string::npos);
}
