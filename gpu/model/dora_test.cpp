// DoRA against PEFT (tests/golden/make_dora_goldens.py), and against its formula written out in double.
#include "gpu/model/dora.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/random.hpp"
#include "gpu/model/backward.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/model/stored_linear.hpp"
#include "gpu/model/test_support.hpp"
#include "gpu/model/trainable.hpp"

using namespace luthier;
using namespace luthier::model;
using namespace luthier::model::test;
using nlohmann::json;

namespace {

const std::filesystem::path golden = "tests/golden", dora = golden / "dora";

using Values = std::vector<float>;
using Tensors = std::map<std::string, Values>;

Tensors read_tensors(const std::filesystem::path& path) {
  const auto file = take(checkpoint::SafetensorsFile::open(path));
  Tensors tensors;
  for (const auto& [name, stored] : file.tensors()) {
    tensors[name].resize(stored.count());
    REQUIRE(checkpoint::to_f32(stored, tensors[name]));
  }
  return tensors;
}

// ---------------------------------------------------------------------------------------------- one projection alone

constexpr std::int64_t rows = 37, in = 70, widths[3] = {24, 9, 33}, ranks[3] = {3, 0, 5}, out = 24 + 9 + 33, rank = 8;
constexpr float scales[3] = {0.7f, 0, 1.9f};

Values random_values(std::int64_t count, std::uint64_t stream) {
  Values values(static_cast<std::size_t>(count));
  kernels::fill_uniform(count, 11, stream, -1, 1, values.data());
  return values;
}

// Three layers with the same input, of which the first and the last have an adapter; the last one has no bias.
struct Layers {
  Values w = random_values(out * in, 1), bias = random_values(out, 2), a = random_values(rank * in, 3), b = random_values(out * rank, 4),
         m = random_values(out, 5), x = random_values(rows * in, 6), dy = random_values(rows * out, 7), before = random_values(rows * out, 8);
  Values gain = Values(out), norm = Values(out), da = Values(rank * in), db = Values(out * rank), dm = Values(out);
  std::vector<std::byte> codes, scales_of_codes;
  Values room = Values(2 << 20), low = Values(rows * rank), dropped = Values(rows * in), kept = Values(rows * (rank + out));
  Projection p{.in = in, .out = out};

  explicit Layers(checkpoint::StoredKind kind) {
    for (float& value : m) value = 2 + value;
    checkpoint::StoredMatrix stored;
    if (kind != checkpoint::StoredKind::f32) {
      codes.resize(checkpoint::bytes_of_codes(kind, w.size()));
      scales_of_codes.resize(checkpoint::bytes_of_scales(kind, w.size()));
      checkpoint::encode(kind, w, codes.data(), scales_of_codes.data());
      stored = {kind, 0, codes.data(), scales_of_codes.data()};
      checkpoint::decode_plain(stored, 0, w);
    }
    std::int64_t column = 0, first = 0;
    for (std::size_t i = 0; i < 3; column += widths[i], first += ranks[i], ++i) {
      LinearPart part{.out = widths[i], .first = column, .bias = i < 2 ? bias.data() + column : nullptr};
      if (stored) part.stored = stored.from(column * in);
      else part.weight = w.data() + column * in;
      p.parts.push_back(part);
      if (ranks[i] == 0) continue;
      const std::int64_t at = first * out;  // apart, as in an adapter
      p.low_rank.push_back({.part = std::int64_t(i), .first_column = column, .out = widths[i], .first = first, .r = ranks[i], .scale = scales[i],
                            .b = b.data() + at, .b_gradient = db.data() + at, .magnitude = m.data() + column, .magnitude_gradient = dm.data() + column});
    }
    p.rank = rank, p.a = a.data(), p.a_gradient = da.data(), p.gain = gain.data(), p.norm = norm.data();
  }
  ProjectionScratch scratch() { return {low.data(), dropped.data(), room.data()}; }
};

// What PEFT's Linear.forward and DoraLinearLayer.forward say, line by line, and their gradient by hand.
struct Expected {
  Values y, dx, da, db, dm;
};

Expected expected_of(const Layers& l, float beta, const Dropout& dropout) {
  Expected e{Values(rows * out), Values(rows * in), Values(rank * in), Values(out * rank), Values(out)};
  std::vector<double> y(rows * out), dx(rows * in), da(rank * in), db(out * rank);
  const auto w = [&](std::int64_t o, std::int64_t i) { return double(l.w[std::size_t(o * in + i)]); };
  for (std::int64_t part = 0, column = 0; part < 3; column += widths[part++]) {
    const LowRankPart* low = nullptr;
    for (const auto& each : l.p.low_rank) if (each.part == part) low = &each;
    Values mask(rows * in, 1), xd = l.x;
    if (low && dropout.rate > 0) {
      const auto stream = dropout.stream + std::uint64_t(part);
      kernels::dropout(rows * in, dropout.rate, dropout.seed, stream, mask.data(), mask.data());
      kernels::dropout(rows * in, dropout.rate, dropout.seed, stream, xd.data(), xd.data());
    }
    for (std::int64_t o = 0; o < widths[part]; ++o) {
      std::vector<double> ba(in);
      double squares = 0;
      for (std::int64_t i = 0; i < in; ++i) {
        for (std::int64_t j = 0; low && j < low->r; ++j) ba[i] += double(low->scale) * low->b[o * low->r + j] * l.a[std::size_t((low->first + j) * in + i)];
        squares += (w(column + o, i) + ba[i]) * (w(column + o, i) + ba[i]);
      }
      const double norm = std::sqrt(squares), g = low ? low->magnitude[o] / norm : 1;
      for (std::int64_t r = 0; r < rows; ++r) {
        double base = 0, base_of_dropped = 0, lora = 0;
        for (std::int64_t i = 0; i < in; ++i) {
          base += l.x[std::size_t(r * in + i)] * w(column + o, i);
          base_of_dropped += xd[std::size_t(r * in + i)] * w(column + o, i);
          lora += xd[std::size_t(r * in + i)] * ba[i];
        }
        const auto at = std::size_t(r * out + column + o);
        const double bias = part < 2 ? l.bias[std::size_t(column + o)] : 0, dy = l.dy[at];
        y[at] = base + bias + (g - 1) * base_of_dropped + g * lora + beta * l.before[at];
        if (low) e.dm[std::size_t(column + o)] += float(dy * (base_of_dropped + lora) / norm);
        for (std::int64_t i = 0; i < in; ++i) {
          const auto to = std::size_t(r * in + i);
          dx[to] += dy * w(column + o, i) + dy * mask[to] * ((g - 1) * w(column + o, i) + g * ba[i]);
          for (std::int64_t j = 0; low && j < low->r; ++j) {
            const auto of_a = std::size_t((low->first + j) * in + i);
            const auto of_b = std::size_t(low->b - l.b.data() + o * low->r + j);
            da[of_a] += dy * g * double(low->scale) * l.b[of_b] * xd[to];
            db[of_b] += dy * g * double(low->scale) * l.a[of_a] * xd[to];
          }
        }
      }
    }
  }
  e.y.assign(y.begin(), y.end()), e.dx.assign(dx.begin(), dx.end()), e.da.assign(da.begin(), da.end()), e.db.assign(db.begin(), db.end());
  return e;
}

// ------------------------------------------------------------------------------------------------------ whole networks

struct Case {
  checkpoint::Model base;
  checkpoint::Adapter adapter;
  std::vector<std::vector<std::int32_t>> ids, labels;
  std::vector<Sequence> sequences;
};

Case load(const std::string& name, const json& answer, checkpoint::BaseStorage storage = checkpoint::BaseStorage::f32) {
  Case c{.base = take(checkpoint::load_model(golden / answer["base"].get<std::string>(), 0, storage)), .adapter = {}, .ids = {}, .labels = {}, .sequences = {}};
  c.adapter = take(checkpoint::load_adapter(dora / name, c.base.decoder));
  for (const auto& row : answer["rows"]) c.ids.push_back(row["input_ids"]), c.labels.push_back(row["labels"]);
  for (std::size_t i = 0; i < c.ids.size(); ++i) c.sequences.push_back({c.ids[i], c.labels[i]});
  return c;
}

struct Passed {
  double loss;
  Tensors gradients;
  bool operator==(const Passed&) const = default;
};

Passed pass(Case& c, bool recompute = false, bool stored = false) {
  const auto trainable = take(Trainable::lora(c.base.decoder, c.adapter, Keep::gradients));
  const auto network = take(trainable.bind(c.base.decoder, c.base.weights));
  const Batch batch = make_batch(c.sequences);
  auto ws = take(make_workspace(c.base.decoder, trainable.lora_layout(),
                                {.tokens = batch.tokens(), .head_chunk = 7, .backward = true, .recompute = recompute, .stored_weights = stored}));
  forward(network, batch, {}, ws);
  const auto supervised = static_cast<float>(batch.supervised());
  Passed passed{loss_and_gradient(network, batch, 1 / supervised, {}, ws) / supervised, {}};
  backward(network, batch, {}, ws);
  for (const Parameter& p : trainable.parameters()) passed.gradients[p.name] = {p.gradient, p.gradient + p.count};
  return passed;
}

Values logits_of(Case& c, const std::vector<std::int32_t>& ids, bool stored = false) {
  const auto trainable = take(Trainable::lora(c.base.decoder, c.adapter, Keep::values));
  const auto network = take(trainable.bind(c.base.decoder, c.base.weights));
  const Batch batch = make_batch_for_logits(ids);
  auto ws = take(make_workspace(c.base.decoder, trainable.lora_layout(), {.tokens = batch.tokens(), .head_chunk = 7, .stored_weights = stored}));
  forward(network, batch, {}, ws);
  Values all;
  logits(network, batch, ws, [&](std::int64_t, std::int64_t count, const float* values) {
    all.insert(all.end(), values, values + count * c.base.decoder.vocab_size);
  });
  return all;
}

const json& cases() {
  static const json all = json::parse(std::ifstream(dora / "cases.json"));
  return all;
}

}  // namespace

TEST_CASE("a projection with magnitudes computes PEFT's formula and its gradient, dropped inputs and all, whatever the weights are kept as") {
  using checkpoint::StoredKind;
  for (const auto kind : {StoredKind::f32, StoredKind::bf16, StoredKind::int8, StoredKind::nf4})
    for (const double rate : {0.0, 0.4})
      for (const float beta : {0.0f, 1.0f}) {
        INFO("storage " << int(kind) << ", dropout " << rate << ", beta " << beta);
        Layers l(kind);
        const Dropout dropout{rate, 5, 77};
        refresh_gains(l.p, l.room.data());
        Values y = l.before, dx(rows * in);
        if (beta == 0) std::fill(y.begin(), y.end(), std::nanf(""));
        project(l.p, rows, l.x.data(), beta, y.data(), l.kept.data(), dropout, l.scratch());
        project_backward(l.p, rows, l.x.data(), l.kept.data(), l.dy.data(), dx.data(), dropout, l.scratch());
        const Expected e = expected_of(l, beta, dropout);
        CHECK(difference(y, e.y) < 2e-6);
        CHECK(difference(dx, e.dx) < 2e-6);
        CHECK(difference(l.da, e.da) < 5e-6);
        CHECK(difference(l.db, e.db) < 5e-6);
        CHECK(difference(l.dm, e.dm) < 5e-6);
        // Where only the gradients' needs are wanted, the gradients are the same.
        const Values da = l.da, dm = l.dm;
        std::fill(l.da.begin(), l.da.end(), 0), std::fill(l.dm.begin(), l.dm.end(), 0);
        project(l.p, rows, l.x.data(), beta, nullptr, l.kept.data(), dropout, l.scratch());
        project_backward(l.p, rows, l.x.data(), l.kept.data(), l.dy.data(), nullptr, dropout, l.scratch());
        CHECK(l.da == da);
        CHECK(l.dm == dm);
      }
}

TEST_CASE("a row of zeros has no direction, and harms nobody") {
  Layers l(checkpoint::StoredKind::f32);
  std::fill_n(l.w.begin(), in, 0.0f);
  std::fill_n(l.b.begin(), ranks[0], 0.0f);
  refresh_gains(l.p, l.room.data());
  CHECK(l.gain[0] == 0);
  Values y(rows * out), dx(rows * in);
  project(l.p, rows, l.x.data(), 0, y.data(), l.kept.data(), {}, l.scratch());
  project_backward(l.p, rows, l.x.data(), l.kept.data(), l.dy.data(), dx.data(), {}, l.scratch());
  CHECK(y[0] == l.bias[0]);
  CHECK(l.dm[0] == 0);
  for (const Values* values : {&y, &dx, &l.da, &l.db, &l.dm})
    CHECK(std::all_of(values->begin(), values->end(), [](float value) { return std::isfinite(value); }));
}

TEST_CASE("logits with magnitudes are those of PEFT, on fused, tied and biased layers") {
  for (const auto& [name, answer] : cases().items()) {
    auto c = load(name, answer);
    const auto expected = read_tensors(dora / (name + ".logits.safetensors"));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(name << " sequence " << i);
      CHECK(difference(logits_of(c, answer["sequences"][i]), expected.at("logits." + std::to_string(i))) < 1e-5);
    }
  }
}

TEST_CASE("loss and gradients of A, B and magnitudes are those of PEFT") {
  for (const auto& [name, answer] : cases().items()) {
    INFO(name);
    auto c = load(name, answer);
    const auto got = pass(c);
    CHECK(got.loss == Approx(answer["loss"].get<double>()).epsilon(2e-6));
    const auto expected = read_tensors(dora / (name + ".gradients.safetensors"));
    CHECK(got.gradients.size() == expected.size());
    for (const auto& [tensor, values] : expected) {
      INFO(tensor);
      REQUIRE(got.gradients.contains(tensor));
      CHECK(difference(got.gradients.at(tensor), values) < 2e-5);
    }
    CHECK(pass(c, true) == got);  // recomputed activations
  }
}

TEST_CASE("with magnitudes the bits do not depend on the number of threads") {
  auto c = load("biased", cases()["biased"]);
  const int threads = kernels::thread_count();
  kernels::set_thread_count(1);
  const auto alone = pass(c);
  kernels::set_thread_count(3);
  CHECK(pass(c) == alone);
  kernels::set_thread_count(threads);
}

TEST_CASE("over a base in fewer bits the norms are those of the values that it stands for") {
  using checkpoint::BaseStorage;
  for (const std::string name : {"biased", "fused"})
    for (const auto storage : {BaseStorage::bf16, BaseStorage::int8, BaseStorage::nf4}) {
      INFO(name << " " << checkpoint::to_string(storage));
      const auto answer = cases()[name];
      auto stored = load(name, answer, storage), wide = load(name, answer);
      for (const auto& [tensor, values] : stored.base.weights.tensors())
        if (values.stored) checkpoint::decode_plain(values.stored, 0, wide.base.weights.find(tensor)->values);
      const std::vector<std::int32_t> ids = answer["sequences"][1];
      CHECK(difference(logits_of(stored, ids, true), logits_of(wide, ids)) < 1e-5);
      const auto got = pass(stored, false, true), expected = pass(wide);
      CHECK(got.loss == Approx(expected.loss).epsilon(1e-6));
      for (const auto& [tensor, values] : expected.gradients) {
        INFO(tensor);
        CHECK(difference(got.gradients.at(tensor), values) < 2e-5);
      }
    }
}

TEST_CASE("new magnitudes are the norms of the weights, and change nothing") {
  auto base = take(checkpoint::load_model(golden / "train/biased"));
  checkpoint::LoraConfig config;
  config.target_modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  config.use_dora = true;
  config.r = 4;
  Case c{.base = std::move(base), .adapter = {}, .ids = {}, .labels = {}, .sequences = {}};
  c.adapter = take(checkpoint::make_adapter(config, c.base.decoder));
  auto trainable = take(Trainable::lora(c.base.decoder, c.adapter, Keep::gradients));
  const auto network = take(trainable.bind(c.base.decoder, c.base.weights));
  const auto ws = take(make_workspace(c.base.decoder, trainable.lora_layout(), {.tokens = 4, .backward = true}));
  trainable.start_magnitudes(network, ws.scratch.weight);
  const auto expected = read_tensors(dora / "new.magnitudes.safetensors");
  CHECK(expected.size() == c.adapter.modules.size());
  for (const auto& module : c.adapter.modules) {
    INFO(module.name);
    CHECK(difference({module.magnitude.values.begin(), module.magnitude.values.end()}, expected.at("base_model.model." + module.name + ".lora_magnitude_vector")) < 1e-6);
  }
  const std::vector<std::int32_t> ids{1, 17, 200, 5};
  Case plain{.base = take(checkpoint::load_model(golden / "train/biased")), .adapter = {}, .ids = {}, .labels = {}, .sequences = {}};
  CHECK(difference(logits_of(c, ids), logits_of(plain, ids)) < 1e-6);
}

TEST_CASE("the memory plan of an adapter with magnitudes is what is allocated") {
  for (const auto& [name, answer] : cases().items())
    for (const bool recompute : {false, true}) {
      INFO(name);
      auto c = load(name, answer);
      const PassSize size{.tokens = 100, .head_chunk = 16, .backward = true, .dropout = true, .recompute = recompute};
      const auto plan = take(memory_plan(c.base.decoder, {.modules = c.adapter.modules, .keep = Keep::gradients, .pass = size}));
      const auto trainable = take(Trainable::lora(c.base.decoder, c.adapter, Keep::gradients));
      CHECK(plan.training == trainable.bytes());
      CHECK(plan.workspace == workspace_floats(c.base.decoder, trainable.lora_layout(), size) * sizeof(float));
      std::int64_t values = 0;
      for (const auto& module : c.adapter.modules) values += module.values();
      std::int64_t trained = 0;
      for (const Parameter& p : trainable.parameters()) trained += p.count;
      CHECK(values == trained);
    }
}
