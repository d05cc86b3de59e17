#include "gpu/train/contrastive.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "gpu/train/commands.hpp"
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
  CHECK(field(R"({"contrastive": {}, "dpo": {}})") == "contrastive");
  CHECK(field(R"({"contrastive": {}, "packing": true})") == "packing");
  CHECK(take(parse_training_config(R"({"contrastive": {}})")).max_seq_length == 512);
}
