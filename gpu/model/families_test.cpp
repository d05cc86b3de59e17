// Every family against transformers: logits or hidden states, loss, and the gradient of every weight. And what must hold for all of
// them: packed or not, on any number of threads, with recomputation, in exactly the memory that was planned.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "events/base/temporary_directory.hpp"
#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/random.hpp"
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

const std::filesystem::path goldens = "tests/golden/families";

using Values = std::vector<float>;

struct Row {
  std::vector<std::int32_t> ids, labels;
  Sequence sequence() const { return {ids, labels}; }
};

struct Family {
  std::string name;
  checkpoint::Model base;
  std::vector<std::vector<std::int32_t>> sequences;
  std::vector<Row> rows;  // none: an embedding model
  double loss = 0;
  std::map<std::string, Values> expected;

  bool has_head() const { return base.decoder.has_head; }
  std::int64_t supervised() const { return make_batch(all_rows()).supervised(); }
  std::vector<Sequence> all_rows() const {
    std::vector<Sequence> sequences;
    for (const Row& row : rows) sequences.push_back(row.sequence());
    return sequences;
  }
};

std::map<std::string, Values> read_tensors(const std::filesystem::path& path) {
  const auto file = take(checkpoint::SafetensorsFile::open(path));
  std::map<std::string, Values> tensors;
  for (const auto& [key, stored] : file.tensors()) {
    tensors[key].resize(stored.count());
    REQUIRE(checkpoint::to_f32(stored, tensors[key]));
  }
  return tensors;
}

Family load(const std::string& name) {
  Family family{.name = name, .base = take(checkpoint::load_model(goldens / name)), .sequences = {}, .rows = {}, .expected = {}};
  const auto cases = json::parse(std::ifstream(goldens / name / "cases.json"));
  family.sequences = cases["sequences"];
  if (cases.contains("loss")) {
    family.loss = cases["loss"]["value"];
    for (const auto& row : cases["loss"]["rows"]) family.rows.push_back({row["tokens"], row["labels"]});
  }
  family.expected = read_tensors(goldens / name / "expected.safetensors");
  return family;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(goldens)) all.push_back(entry.path().filename());
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() >= 20);
  return all;
}

PassSize size_for(const Batch& batch, bool backward) { return {.tokens = batch.tokens(), .head_chunk = 7, .backward = backward}; }

// Logits of every token, or hidden states where there is no head.
Values outputs(const Network& network, const Batch& batch, Workspace& ws) {
  Values all;
  forward(network, batch, {}, ws);
  const auto add = [&](std::int64_t width) {
    return [&all, width](std::int64_t, std::int64_t rows, const float* values) { all.insert(all.end(), values, values + rows * width); };
  };
  if (network.decoder.has_head)
    logits(network, batch, ws, add(network.decoder.vocab_size));
  else
    hidden_states(network, batch, ws, add(network.decoder.hidden_size));
  return all;
}

Values outputs(const Network& network, const std::vector<std::vector<std::int32_t>>& sequences, const LoraLayout* lora = nullptr) {
  std::vector<Sequence> parts;
  for (const auto& ids : sequences) parts.push_back({ids, {}});
  Batch batch = make_batch(parts);
  batch.head_rows.resize(batch.ids.size());
  std::iota(batch.head_rows.begin(), batch.head_rows.end(), 0);
  auto ws = take(make_workspace(network.decoder, lora, size_for(batch, false)));
  return outputs(network, batch, ws);
}

struct Gradients {
  double loss = 0;
  std::map<std::string, Values> tensors;
  bool operator==(const Gradients&) const = default;
};

// The gradient of the mean loss of all rows; of an embedding model that of the sum of its hidden states times cos(0), cos(1) …
Gradients gradients_of(const Family& f, const Trainable& trainable, const std::vector<std::vector<Sequence>>& batches, bool recompute = false) {
  const auto network = take(trainable.bind(f.base.decoder, f.base.weights));
  const auto scale = f.has_head() ? 1.0f / float(f.supervised()) : 1.0f;
  Gradients out;
  for (const auto& sequences : batches) {
    const Batch batch = make_batch(sequences);
    PassSize size = size_for(batch, true);
    size.recompute = recompute;
    auto ws = take(make_workspace(f.base.decoder, trainable.lora_layout(), size));
    forward(network, batch, {}, ws);
    if (f.has_head()) {
      out.loss += loss_and_gradient(network, batch, scale, {}, ws) * scale;
    } else {
      Values d(static_cast<std::size_t>(batch.tokens() * f.base.decoder.hidden_size));
      for (std::size_t i = 0; i < d.size(); ++i) d[i] = float(std::cos(double(i)));
      hidden_states(network, batch, ws, [&](std::int64_t first, std::int64_t rows, const float* values) {
        for (std::int64_t i = 0; i < rows * f.base.decoder.hidden_size; ++i)
          out.loss += double(values[i]) * d[std::size_t(first * f.base.decoder.hidden_size + i)];
      });
      hidden_states_gradient(network, batch, d.data(), ws);
    }
    backward(network, batch, {}, ws);
  }
  for (const Parameter& p : trainable.parameters()) out.tensors[p.name] = {p.gradient, p.gradient + p.count};
  return out;
}

std::vector<std::vector<Sequence>> packed(const Family& f) {
  if (f.has_head()) return {f.all_rows()};
  std::vector<Sequence> all;
  for (const auto& ids : f.sequences) all.push_back({ids, {}});
  return {all};
}

std::vector<std::vector<Sequence>> apart(const Family& f) {
  std::vector<std::vector<Sequence>> batches;
  const auto all = packed(f).front();
  for (const Sequence& sequence : all) batches.push_back({sequence});
  return batches;
}

Trainable full(Family& f) { return take(Trainable::full(f.base.decoder, f.base.weights, Keep::gradients)); }

checkpoint::Adapter adapter_for(const Family& f) {
  checkpoint::LoraConfig config;
  config.r = 3;
  config.alpha = 4;
  config.target_pattern = "all-linear";
  for (const auto& parameter : checkpoint::expert_parameters(f.base.decoder)) config.target_parameters.push_back(parameter.name);
  for (const auto& router : checkpoint::routers(f.base.decoder)) config.target_parameters.push_back(router.name + ".weight");
  auto adapter = take(checkpoint::make_adapter(config, f.base.decoder));
  for (std::size_t m = 0; m < adapter.modules.size(); ++m)
    for (auto* tensor : {&adapter.modules[m].a, &adapter.modules[m].b})
      kernels::fill_uniform(std::int64_t(tensor->values.size()), 7, 2 * m + (tensor == &adapter.modules[m].a), -0.3f, 0.3f, tensor->values.data());
  return adapter;
}

// Each by its norm and by its product with cos(0), cos(1), …
void check_gradients(const std::map<std::string, Values>& got, const std::map<std::string, Values>& all) {
  for (const auto& [tensor, values] : got) {
    INFO(tensor);
    double norm = 0, along = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      norm += double(values[i]) * values[i];
      along += double(values[i]) * std::cos(double(i));
    }
    REQUIRE(all.contains("gradient." + tensor));
    const auto& expected = all.at("gradient." + tensor);
    CHECK(std::sqrt(norm) == Approx(expected[0]).epsilon(3e-5).margin(1e-9));
    CHECK(along == Approx(expected[1]).margin(5e-5 * double(expected[0]) + 1e-9));
  }
  CHECK(std::ptrdiff_t(got.size()) == std::count_if(all.begin(), all.end(), [](const auto& e) { return e.first.starts_with("gradient."); }));
}

// The element of a full tensor, [out, in], that a module's B A is added to.
template <class Find>
float& element(const Find& find, const checkpoint::Decoder& d, const checkpoint::LoraModule& m, std::int64_t o, std::int64_t i) {
  const std::int64_t in = m.a.shape[1], out = m.b.shape[0];
  if (m.parameter.empty()) return find(m.name + ".weight")[std::size_t(o * in + i)];
  if (d.experts.stacked) return find(m.parameter)[std::size_t((m.expert * in + i) * out + o)];
  const std::string expert = m.name.substr(0, m.name.rfind('.') + 1);
  if (m.name.ends_with("down_proj")) return find(expert + "down_proj.weight")[std::size_t(o * in + i)];
  return find(expert + (o < out / 2 ? "gate_proj" : "up_proj") + ".weight")[std::size_t(o % (out / 2) * in + i)];
}

}  // namespace

TEST_CASE("the logits, or hidden states, of every family are transformers'") {
  for (const auto& name : names()) {
    const Family f = load(name);
    const auto network = take(bind(f.base.decoder, {.weights = &f.base.weights}));
    for (std::size_t i = 0; i < f.sequences.size(); ++i) {
      INFO(name << ", sequence " << i);
      CHECK(difference(outputs(network, {f.sequences[i]}), f.expected.at((f.has_head() ? "logits." : "hidden.") + std::to_string(i))) < 1e-5);
    }
  }
}

TEST_CASE("the loss of every family and the gradient of each of its weights are transformers'") {
  for (const auto& name : names()) {
    Family f = load(name);
    if (!f.has_head()) continue;
    const Trainable trainable = full(f);
    const Gradients got = gradients_of(f, trainable, packed(f));
    INFO(name);
    CHECK(got.loss == Approx(f.loss).epsilon(2e-6));
    check_gradients(got.tensors, f.expected);
  }
}

TEST_CASE("adapters made by PEFT give its logits, loss and gradients, on experts and routers too, under the names of its file") {
  std::size_t adapters = 0;
  for (const auto& name : names()) {
    const Family f = load(name);
    const auto directory = goldens / name / "adapter";
    if (!std::filesystem::exists(directory)) continue;
    ++adapters;
    INFO(name);
    const auto expected = read_tensors(directory / "expected.safetensors");
    const auto cases = json::parse(std::ifstream(directory / "cases.json"));
    auto adapter = take(checkpoint::load_adapter(directory, f.base.decoder));
    const auto trainable = take(Trainable::lora(f.base.decoder, adapter, Keep::gradients));
    const auto network = take(trainable.bind(f.base.decoder, f.base.weights));
    for (std::size_t i = 0; i < f.sequences.size(); ++i)
      CHECK(difference(outputs(network, {f.sequences[i]}, trainable.lora_layout()), expected.at("logits." + std::to_string(i))) < 1e-5);
    CHECK(gradients_of(f, trainable, packed(f)).loss == Approx(cases["loss"].get<double>()).epsilon(2e-6));
    TemporaryDirectory temporary;
    REQUIRE(checkpoint::write_adapter_tensors(temporary / "gradients.safetensors", trainable.gradients_of(adapter)));
    check_gradients(read_tensors(temporary / "gradients.safetensors"), expected);
  }
  CHECK(adapters >= 6);
}

TEST_CASE("the gradients of embedding models are the change of their hidden states") {
  for (const auto& name : names()) {
    Family f = load(name);
    if (f.has_head()) continue;
    const auto gradients = gradients_of(f, full(f), packed(f)).tensors;
    for (const auto& [tensor, values] : gradients) {
      const auto largest = std::size_t(std::max_element(values.begin(), values.end(), [](float a, float b) { return std::abs(a) < std::abs(b); }) - values.begin());
      float& weight = f.base.weights.find(tensor)->values[largest];
      const float before = weight, step = 4e-3f;
      weight = before + step;
      const double above = gradients_of(f, full(f), packed(f)).loss;
      weight = before - step;
      const double below = gradients_of(f, full(f), packed(f)).loss;
      weight = before;
      INFO(name << " " << tensor);
      CHECK((above - below) / (2 * step) == Approx(values[largest]).epsilon(0.01).margin(0.02));
    }
  }
}

TEST_CASE("packed sequences of every family give what each gives alone, and their gradients add up") {
  for (const auto& name : names()) {
    Family f = load(name);
    INFO(name);
    const auto network = take(bind(f.base.decoder, {.weights = &f.base.weights}));
    Values alone;
    for (const auto& ids : f.sequences) {
      const auto one = outputs(network, {ids});
      alone.insert(alone.end(), one.begin(), one.end());
    }
    CHECK(difference(outputs(network, f.sequences), alone) < 1e-5);  // products of other shapes round otherwise
    if (!f.has_head()) continue;
    const auto together = gradients_of(f, full(f), packed(f)), one_by_one = gradients_of(f, full(f), apart(f));
    CHECK(together.loss == Approx(one_by_one.loss).epsilon(1e-6));
    for (const auto& [tensor, values] : together.tensors) {
      INFO(tensor);
      CHECK(difference(one_by_one.tensors.at(tensor), values) < 2e-4);  // of a key's bias it nearly vanishes
    }
  }
}

TEST_CASE("threads do not change a bit of any family's gradients, nor does recomputation") {
  const int threads = kernels::thread_count();
  for (const auto& name : names()) {
    Family f = load(name);
    INFO(name);
    kernels::set_thread_count(1);
    const auto alone = gradients_of(f, full(f), packed(f));
    kernels::set_thread_count(3);
    CHECK(gradients_of(f, full(f), packed(f)) == alone);
    CHECK(gradients_of(f, full(f), packed(f), true) == alone);
    kernels::set_thread_count(threads);
  }
}

TEST_CASE("no pass of any family writes outside of its workspace, and dropout is drawn again when a layer is computed again") {
  for (const auto& name : names()) {
    const Family f = load(name);
    if (!f.has_head()) continue;
    INFO(name);
    checkpoint::LoraConfig config;
    config.r = 2;
    config.target_pattern = "all-linear";
    auto adapter = take(checkpoint::make_adapter(config, f.base.decoder));
    for (std::size_t m = 0; m < adapter.modules.size(); ++m)
      for (auto* tensor : {&adapter.modules[m].a, &adapter.modules[m].b})
        kernels::fill_uniform(std::int64_t(tensor->values.size()), 5, m, -0.3f, 0.3f, tensor->values.data());
    const Batch batch = make_batch(f.all_rows());
    std::vector<Values> gradients;
    for (const bool recompute : {false, true}) {
      const auto trainable = take(Trainable::lora(f.base.decoder, adapter, Keep::gradients));
      const auto network = take(trainable.bind(f.base.decoder, f.base.weights));
      PassSize size = size_for(batch, true);
      size.tokens += 5;
      size.dropout = true;
      size.recompute = recompute;
      auto ws = take(make_workspace(f.base.decoder, trainable.lora_layout(), size));
      const PassDropout dropout{0.3, 9, 1};
      forward(network, batch, dropout, ws);
      loss_and_gradient(network, batch, 1, dropout, ws);
      backward(network, batch, dropout, ws);
      // What lies beyond the batch's rows must be as it was.
      const auto untouched = [&](const float* rows) {
        const float* from = rows + batch.tokens() * f.base.decoder.hidden_size;
        return std::all_of(from, from + 5 * f.base.decoder.hidden_size, [](float v) { return v == 0; });
      };
      CHECK(untouched(ws.out));
      CHECK(untouched(ws.dx));
      CHECK(untouched(ws.blocks.front().x));
      auto& all = gradients.emplace_back();
      for (const Parameter& p : trainable.parameters()) all.insert(all.end(), p.gradient, p.gradient + p.count);
    }
    CHECK(gradients[0] == gradients[1]);
  }
}

// With W' = W + scale * B A, the chain rule gives dA = scale * B^T dW' and dB = scale * dW' A^T.
TEST_CASE("adapters on every linear layer of every family have the outputs and gradients of the merged weights") {
  for (const auto& name : names()) {
    Family f = load(name);
    INFO(name);
    auto adapter = adapter_for(f);
    const auto trainable = take(Trainable::lora(f.base.decoder, adapter, Keep::gradients));
    const auto network = take(trainable.bind(f.base.decoder, f.base.weights));
    const auto adapted = outputs(network, {f.sequences[2]}, trainable.lora_layout());
    const auto got = gradients_of(f, trainable, packed(f));
    CHECK(gradients_of(f, take(Trainable::lora(f.base.decoder, adapter, Keep::gradients)), packed(f), true) == got);

    Family merged = load(name);
    const auto weight = [&](const std::string& tensor) { return merged.base.weights.find(tensor)->values; };
    for (const auto& m : adapter.modules)
      for (std::int64_t o = 0; o < m.b.shape[0]; ++o)
        for (std::int64_t i = 0; i < m.a.shape[1]; ++i)
          for (std::int64_t r = 0; r < m.r; ++r)
            element(weight, f.base.decoder, m, o, i) +=
                m.scale * m.b.values[std::size_t(o * m.r + r)] * m.a.values[std::size_t(r * m.a.shape[1] + i)];
    const auto plain = take(bind(merged.base.decoder, {.weights = &merged.base.weights}));
    CHECK(difference(outputs(plain, {f.sequences[2]}), adapted) < 1e-5);
    auto whole = gradients_of(merged, full(merged), packed(merged));
    CHECK(got.loss == Approx(whole.loss).epsilon(1e-5).margin(1e-4));
    for (const auto& m : adapter.modules) {
      INFO(m.name);
      const auto gradient = [&](const std::string& tensor) -> Values& { return whole.tensors.at(tensor); };
      const std::int64_t in = m.a.shape[1], out = m.b.shape[0];
      Values da(std::size_t(m.r * in)), db(std::size_t(out * m.r));
      for (std::int64_t o = 0; o < out; ++o)
        for (std::int64_t i = 0; i < in; ++i)
          for (std::int64_t r = 0; r < m.r; ++r) {
            da[std::size_t(r * in + i)] += m.scale * m.b.values[std::size_t(o * m.r + r)] * element(gradient, f.base.decoder, m, o, i);
            db[std::size_t(o * m.r + r)] += m.scale * m.a.values[std::size_t(r * in + i)] * element(gradient, f.base.decoder, m, o, i);
          }
      CHECK(difference(got.tensors.at("base_model.model." + m.name + ".lora_A.weight"), da) < 1e-4);
      CHECK(difference(got.tensors.at("base_model.model." + m.name + ".lora_B.weight"), db) < 1e-4);
    }
  }
}

TEST_CASE("the memory plan of every family is what is allocated, and recomputation needs less") {
  for (const auto& name : names()) {
    Family f = load(name);
    INFO(name);
    auto adapter = adapter_for(f);
    const auto trainable = take(Trainable::lora(f.base.decoder, adapter, Keep::gradients_and_moments));
    for (const bool backward : {false, true})
      for (const bool recompute : {false, true}) {
        const PassSize size{.tokens = 200, .head_chunk = 16, .backward = backward, .recompute = recompute};
        const auto plan = take(memory_plan(f.base.decoder, {.modules = adapter.modules, .pass = size}));
        CHECK(plan.weights == f.base.weights.bytes());
        CHECK(plan.training == trainable.bytes());
        CHECK(plan.workspace == workspace_floats(f.base.decoder, trainable.lora_layout(), size) * sizeof(float));
        if (!recompute) continue;
        PassSize kept = size;
        kept.recompute = false;
        CHECK((plan.workspace < workspace_floats(f.base.decoder, trainable.lora_layout(), kept) * sizeof(float)) == backward);
      }
  }
}
