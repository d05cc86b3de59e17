#include "gpu/train/contrastive.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <sstream>

#include "gpu/train/commands.hpp"
#include "gpu/train/engine.hpp"
#include "gpu/train/retrieval_command.hpp"
#include "gpu/train/test_support.hpp"
#include "gpu/train/trainer.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;
const fs::path contrastive_goldens = "tests/golden/contrastive", families = "tests/golden/families";

// A family's tiny model, with a tokenizer and a way of pooling.
fs::path embedding_model(const fs::path& directory, const std::string& name) {
  const fs::path model = directory / name;
  fs::create_directories(model / "1_Pooling");
  for (const char* file : {"config.json", "model.safetensors"}) fs::copy_file(families / name / file, model / file);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) fs::copy_file(contrastive_goldens / file, model / file);
  const std::string mode = name == "bert"    ? "pooling_mode_cls_token"
                           : name == "qwen3" ? "pooling_mode_lasttoken"
                                             : "pooling_mode_mean_tokens";
  write_text(model / "1_Pooling/config.json", json{{mode, true}}.dump());
  return model;
}

TrainRequest request_for(const fs::path& model, const json& config, const fs::path& out) {
  TrainRequest request;
  request.model = model;
  request.data = contrastive_goldens / "rows.jsonl";
  request.out = out;
  request.config = take(parse_training_config(config.dump()));
  return request;
}

json golden_of(const std::string& name) { return read_json(contrastive_goldens / (name + ".json")); }

TrainRequest golden_request(const fs::path& directory, const std::string& name) {
  auto request = request_for(embedding_model(directory, name), golden_of(name)["config"], directory / "out");
  if (name == "bert") request.adapter = contrastive_goldens / "bert.adapter";
  if (name == "qwen3") request.adapter = families / "qwen3/adapter";
  return request;
}

std::string refusal(const TrainRequest& request) {
  const auto result = train::train(request, {});
  REQUIRE_FALSE(result);
  return result.error().message;
}

json evaluated(EvalEmbeddingOptions options) {
  options.json = true;
  options.max_length = 16;
  std::ostringstream out, err;
  const int code = eval_embedding(options, out, err);
  INFO(err.str());
  REQUIRE(code == 0);
  return json::parse(out.str());
}

std::string eval_refusal(const EvalEmbeddingOptions& options) {
  std::ostringstream out, err;
  CHECK(eval_embedding(options, out, err) == 2);
  CHECK(out.str().empty());
  return err.str();
}

}  // namespace

TEST_CASE("contrastive training follows torch's: all weights with the mean, adapters with the first and with the last token") {
  for (const std::string name : {"llama-bidirectional", "bert", "qwen3"}) {
    INFO(name);
    TemporaryDirectory directory;
    const auto golden = golden_of(name);
    auto request = golden_request(directory.path(), name);
    request.validation = contrastive_goldens / "held-out.jsonl";
    take(train::train(request, {}));
    const auto lines = read_lines(request.out / "metrics.jsonl");
    REQUIRE(lines.size() == golden["curve"].size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      INFO("step " << i + 1);
      CHECK(lines[i]["loss"].get<double>() == Approx(golden["curve"][i]["loss"].get<double>()).epsilon(1e-4));
      CHECK(lines[i]["grad_norm"].get<double>() == Approx(golden["curve"][i]["grad_norm"].get<double>()).epsilon(1e-3));
      CHECK(lines[i]["tokens_read"] == golden["curve"][i]["tokens"]);
    }
    const json& last = lines.back();
    CHECK(last["validation_loss"].get<double>() == Approx(golden["validation"]["loss"].get<double>()).epsilon(1e-3));
    for (const char* measure : {"recall@1", "recall@5", "recall@10", "ndcg@10"})
      CHECK(last["validation_" + std::string(measure)].get<double>() == Approx(golden["validation"][measure].get<double>()).margin(1e-9));
    const bool full = request.config.method == TrainingConfig::Method::full;
    check_close(read_tensors(request.out / (full ? "model.safetensors" : "adapter_model.safetensors")),
                read_tensors(contrastive_goldens / (name + ".safetensors")), 1e-3);
  }
}

TEST_CASE("a batch that goes through the network in parts trains as the whole does") {
  for (const std::string name : {"llama-bidirectional", "bert", "qwen3"}) {
    TemporaryDirectory directory;
    auto whole = golden_request(directory.path(), name);
    whole.validation = contrastive_goldens / "held-out.jsonl";
    take(train::train(whole, {}));
    const auto expected = read_lines(whole.out / "metrics.jsonl");
    for (const std::int64_t rows : {1, 2}) {
      INFO(name << " " << rows);
      auto parts = whole;
      parts.config.contrastive->micro_batch = rows;
      parts.out = directory / std::to_string(rows);
      take(train::train(parts, {}));
      const auto lines = read_lines(parts.out / "metrics.jsonl");
      REQUIRE(lines.size() == expected.size());
      for (std::size_t i = 0; i < lines.size(); ++i)
        for (const auto& [member, value] : expected[i].items()) {
          INFO("step " << i + 1 << " " << member);
          if (value.is_number()) CHECK(lines[i][member].get<double>() == Approx(value.get<double>()).epsilon(2e-5).margin(1e-9));
          else CHECK(lines[i][member] == value);
        }
      const bool full = whole.config.method == TrainingConfig::Method::full;
      const auto* file = full ? "model.safetensors" : "adapter_model.safetensors";
      check_close(read_tensors(parts.out / file), read_tensors(whole.out / file), 1e-4);
      const auto tokens = [](const TrainRequest& request) { return take(prepare(request)).pass.tokens; };
      CHECK(tokens(parts) < tokens(whole));
    }
  }
}

TEST_CASE("parts of a batch are dropped from alike when they go through the network again: the gradient is that of the loss that was computed") {
  TemporaryDirectory directory;
  auto request = golden_request(directory.path(), "qwen3");
  request.config.contrastive->micro_batch = 1;
  request.config.lora.dropout = 0.4;
  const auto engine = take(make_engine(request));
  const std::vector<std::size_t> numbers{0, 1, 2};
  const auto rows = take(read_rows_of(engine->prepared.data, numbers));
  const auto parameters = engine->trainable.parameters();
  const auto loss = [&] {
    for (const auto& p : parameters) std::fill_n(p.gradient, p.count, 0.0f);
    return engine->objective->loss_and_gradient(engine->student(), rows, 1, {.rate = 0.4, .seed = 3, .pass = 7});
  };
  loss();
  std::vector<std::vector<float>> gradient;
  double square = 0;
  for (const auto& p : parameters) {
    gradient.emplace_back(p.gradient, p.gradient + p.count);
    for (const float g : gradient.back()) square += static_cast<double>(g) * static_cast<double>(g);
  }
  const auto moved = [&](double step) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      for (std::size_t j = 0; j < gradient[i].size(); ++j) parameters[i].value[j] += static_cast<float>(step * static_cast<double>(gradient[i][j]));
    return loss();
  };
  const double step = 1e-3 / std::sqrt(square), above = moved(step), below = moved(-2 * step);
  CHECK((above - below) / (2 * step) == Approx(square).epsilon(2e-2));
}

TEST_CASE("what was trained says how it makes vectors of texts") {
  TemporaryDirectory directory;
  auto full = golden_request(directory.path(), "llama-bidirectional");
  full.config.contrastive->query_prefix = "query : w1 ";
  take(train::train(full, {}));
  CHECK(read_json(full.out / "1_Pooling/config.json")["pooling_mode_mean_tokens"] == true);
  CHECK(read_json(full.out / "modules.json").size() == 3);
  const auto decoder = take(checkpoint::read_decoder(full.out));
  CHECK(decoder.pooling == checkpoint::Pooling::mean);
  CHECK(decoder.query_prefix == "query : w1 ");
  CHECK(decoder.passage_prefix == "passage: ");

  auto adapter = golden_request(directory.path(), "bert");
  adapter.out = directory / "adapter";
  take(train::train(adapter, {}));
  CHECK(read_json(adapter.out / "adapter_config.json")["task_type"] == "FEATURE_EXTRACTION");
}

TEST_CASE("a contrastive run that was stopped goes on to the same bytes") {
  TemporaryDirectory directory;
  auto request = golden_request(directory.path(), "qwen3");
  take(train::train(request, {}));
  auto stopped = request;
  stopped.out = directory / "stopped";
  stopped.checkpoint_directory = directory / "checkpoints";
  TrainHooks hooks;
  int calls = 0;
  hooks.wish = [&] { return calls++ == 2 ? Wish::stop : Wish::go_on; };
  CHECK(take(train::train(stopped, hooks)).stopped);
  CHECK(take(train::train(stopped, {})).resumed_from_step == 2);
  CHECK(read_bytes(stopped.out / "adapter_model.safetensors") == read_bytes(request.out / "adapter_model.safetensors"));
}

TEST_CASE("a contrastive run that diverges ends with its rows") {
  TemporaryDirectory directory;
  auto request = golden_request(directory.path(), "bert");
  request.config.learning_rate = 1e30;
  request.config.max_grad_norm = 0;
  const auto message = refusal(request);
  INFO(message);
  CHECK(message.find("has no finite") != std::string::npos);
  CHECK(message.find("of tests/golden/contrastive/rows.jsonl") != std::string::npos);
}

TEST_CASE("recall and nDCG are those of an independent count, of a model and with an adapter") {
  TemporaryDirectory directory;
  for (const std::string name : {"llama-bidirectional", "qwen3"}) {
    INFO(name);
    const auto expected = golden_of(name)["before"];
    const auto got = evaluated({.model = embedding_model(directory.path(), name),
                                .adapter = {},
                                .data = contrastive_goldens / "held-out.jsonl",
                                .corpus = contrastive_goldens / "corpus.jsonl"});
    for (const auto& [measure, value] : expected.items()) {
      INFO(measure);
      CHECK(got[measure].get<double>() == Approx(value.get<double>()).margin(1e-9));
    }
  }
  const auto plain =
      evaluated({.model = directory / "qwen3", .adapter = {}, .data = contrastive_goldens / "held-out.jsonl", .corpus = {}, .ks = {2}});
  const auto adapted = evaluated({.model = directory / "qwen3",
                                  .adapter = families / "qwen3/adapter",
                                  .data = contrastive_goldens / "held-out.jsonl",
                                  .corpus = {},
                                  .ks = {2}});
  CHECK(plain.contains("recall@2"));
  const auto kept_as = [&](const char* storage) {
    return evaluated({.model = directory / "qwen3", .adapter = {}, .data = contrastive_goldens / "held-out.jsonl", .corpus = {}, .ks = {2}, .base_storage = storage});
  };
  CHECK(kept_as("as_stored") == plain);  // which is f32
  CHECK(kept_as("int8")["ndcg@10"].get<double>() == Approx(plain["ndcg@10"].get<double>()).margin(0.1));
  CHECK(eval_refusal({.model = directory / "qwen3", .adapter = {}, .data = contrastive_goldens / "held-out.jsonl", .corpus = {}, .base_storage = "fp8"})
            .find("--base-storage fp8 must be f32, bf16, int8, nf4 or as_stored") != std::string::npos);
  CHECK(plain["ndcg@10"] != adapted["ndcg@10"]);
}

TEST_CASE("what cannot train or be evaluated as an embedding model is refused with what would work") {
  TemporaryDirectory directory;
  auto request = golden_request(directory.path(), "qwen3");
  fs::remove_all(request.model / "1_Pooling");
  CHECK(refusal(request).find("1_Pooling/config.json with {\"pooling_mode_lasttoken\": true}") != std::string::npos);
  CHECK(eval_refusal({.model = request.model, .adapter = {}, .data = request.data, .corpus = {}}).find("1_Pooling") != std::string::npos);

  request = golden_request(directory / "2", "llama-bidirectional");
  request.data = write_text(directory / "text.jsonl", "{\"prompt\": \"w1\", \"completion\": \"w2\"}\n");
  CHECK(refusal(request).find("contrastive needs embedding rows") != std::string::npos);
  CHECK(eval_refusal({.model = request.model, .adapter = {}, .data = request.data, .corpus = {}})
            .find("row 1: evaluation takes embedding rows") != std::string::npos);
  request.data = write_text(directory / "empty.jsonl", "{\"query\": \"w1\", \"pos_doc\": \" \", \"neg_doc\": []}\n");
  CHECK(refusal(request).find("row 1: \"pos_doc\" is an empty text") != std::string::npos);
  CHECK(eval_refusal({.model = request.model, .adapter = {}, .data = request.data, .corpus = {}})
            .find("row 1: \"pos_doc\" is an empty text") != std::string::npos);
  request.data = write_text(directory / "alone.jsonl", "{\"query\": \"w1\", \"pos_doc\": \"w2\", \"neg_doc\": []}\n");
  request.config.contrastive->in_batch_negatives = false;
  CHECK(refusal(request).find("row 1: \"neg_doc\" has no text") != std::string::npos);
  request.config.contrastive.reset();
  CHECK(refusal(request).find("has no output head") != std::string::npos);

  const auto field = [](const char* config) { return parse_training_config(config).error().field; };
  CHECK(field(R"({"contrastive": {"temperature": 0}})") == "contrastive.temperature");
  CHECK(field(R"({"contrastive": {"negatives": 0, "in_batch_negatives": false}})") == "contrastive.negatives");
  CHECK(field(R"({"contrastive": {"micro_batch": -1}})") == "contrastive.micro_batch");
  CHECK(field(R"({"contrastive": {}, "dpo": {}})") == "contrastive");
  CHECK(field(R"({"contrastive": {}, "packing": true})") == "packing");
  CHECK(take(parse_training_config(R"({"contrastive": {}})")).max_seq_length == 512);
}
