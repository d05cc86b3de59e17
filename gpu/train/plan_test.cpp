#include "gpu/train/plan_command.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/kernels/random.hpp"
#include "gpu/train/prepare.hpp"
#include "gpu/train/process_memory.hpp"
#include "gpu/train/test_support.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

struct Said {
  int code;
  std::string out, err;
};

Said said(const PlanOptions& options) {
  std::ostringstream out, err;
  const int code = plan(options, out, err);
  return {code, out.str(), err.str()};
}

PlanOptions options_for(const char* peft) {
  PlanOptions options;
  options.model = goldens / "tied";
  options.data = goldens / "curve.rows.jsonl";
  options.peft = peft;
  options.batch_size = 2;
  options.epochs = 3;
  options.max_seq_length = 64;
  options.json = true;
  return options;
}

}  // namespace

TEST_CASE("a plan counts what a run does: parameters, rows, tokens and steps, memory by kind, and time") {
  auto options = options_for("lora");
  options.rank = 4;
  const auto ran = said(options);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const auto plan = json::parse(ran.out);
  std::int64_t trained = 0;
  for (const auto& [name, values] : read_tensors(goldens / "lora-all/adapter_model.safetensors")) trained += static_cast<std::int64_t>(values.size());
  CHECK(plan["parameters_trained"] == trained);
  CHECK(plan["rows"] == 10);
  CHECK(plan["steps"] == 15);
  CHECK(plan["steps_per_epoch"] == 5);
  CHECK(plan["tokens_in_all"] == 3 * plan["tokens"].get<int>());
  CHECK(plan["fits"] == true);
  CHECK(plan["time"]["seconds"].get<double>() > 0);
  CHECK(plan["time"]["tokens_per_second"].get<double>() > 0);
  std::int64_t sum = 0;
  for (const auto& [kind, bytes] : plan["memory"].items())
    if (kind != "total") sum += bytes.get<std::int64_t>();
  CHECK(plan["memory"]["total"] == sum);
  CHECK(plan["memory"]["optimiser"] == 8 * trained);
  CHECK(plan["memory"]["loading"] == 0);
  for (const char* kind : {"weights", "adapter", "gradients", "activations", "logits", "workspace", "program"}) CHECK(plan["memory"][kind] > 0);
  CHECK(plan["recommendation"]["method"] == "lora");

  const auto full = json::parse(said(options_for("full")).out);
  CHECK(full["parameters_trained"] == full["parameters"]);
  CHECK(full["memory"]["adapter"] == 0);
  CHECK(full["memory"]["gradients"] == full["memory"]["weights"]);
  CHECK(full["disk"]["needed"].get<double>() == Approx(2 * plan["disk"]["needed"].get<double>()).margin(2));
}

TEST_CASE("what does not fit is planned all the same, with the nearest settings that do, and those do") {
  auto options = options_for("full");
  options.batch_size = 10;
  options.probe = false;
  const auto whole = json::parse(said(options).out);
  CHECK(whole["time"].is_null());
  options.memory_gib = static_cast<double>(whole["memory"]["total"].get<std::int64_t>() - 1) / (1 << 30);
  const auto ran = said(options);
  CHECK(ran.code == 2);
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  const auto plan = json::parse(ran.out);
  CHECK(plan["fits"] == false);
  CHECK(plan["memory_smallest"] < plan["memory"]["total"]);
  options.batch_size = plan["nearest"]["batch_size"].get<std::int64_t>();
  CHECK(*options.batch_size < 10);
  CHECK(said(options).code == 0);
  CHECK(ran.err.find("batch_size " + std::to_string(*options.batch_size)) != std::string::npos);
}

TEST_CASE("all weights are recommended where the rows have more to say than an adapter has room for, and there is memory") {
  TemporaryDirectory directory;
  std::string rows;
  for (std::int64_t i = 0; i < 400; ++i) {
    json ids = json::array();
    for (std::uint64_t t = 0; t < 60; ++t) ids.push_back(3 + kernels::random_block(1, static_cast<std::uint64_t>(i), t)[0] % 280);
    rows += json{{"input_ids", ids}}.dump() + "\n";
  }
  auto options = options_for("lora");
  options.data = write_text(directory / "rows.jsonl", rows);
  options.rank = 1;
  options.probe = false;
  auto plan = json::parse(said(options).out);
  CHECK(plan["recommendation"]["method"] == "full");
  options.memory_gib = static_cast<double>(plan["memory"]["total"].get<std::int64_t>() + 1) / (1 << 30);
  plan = json::parse(said(options).out);
  CHECK(plan["recommendation"]["method"] == "lora");
  CHECK(plan["recommendation"]["reason"].get<std::string>().find("do not fit") != std::string::npos);
}

TEST_CASE("a plan for a person has the same numbers in words, and a bad row or setting is refused by name") {
  auto options = options_for("lora");
  options.json = false;
  const auto ran = said(options);
  for (const char* part : {"parameters", "10 rows", "15, 5 an epoch", "weights", "optimiser", "activations", "logits", "disk", "tokens/s", "recommended"}) {
    INFO(ran.out);
    CHECK(ran.out.find(part) != std::string::npos);
  }
  TemporaryDirectory directory;
  options.data = write_text(directory / "rows.jsonl", "{\"input_ids\": [1, 2]}\n{\"input_ids\": [-1]}\n");
  CHECK(said(options).code == 2);
  CHECK(said(options).err.find("row 2") != std::string::npos);
  options = options_for("lora");
  options.rank = 100000;
  CHECK(said(options).err.find("lora.r") != std::string::npos);
}

namespace {

constexpr std::int64_t vocabulary = 4096;

// Random, and large enough that libraries' own buffers do not decide.
void write_model(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  const json config{{"architectures", {"LlamaForCausalLM"}}, {"model_type", "llama"}, {"vocab_size", vocabulary}, {"hidden_size", 512},
                    {"intermediate_size", 1408}, {"num_hidden_layers", 6}, {"num_attention_heads", 8}, {"num_key_value_heads", 4},
                    {"head_dim", 64}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-5}, {"tie_word_embeddings", true},
                    {"hidden_act", "silu"}, {"torch_dtype", "float32"}, {"rope_theta", 10000.0}};
  write_text(directory / "config.json", config.dump());
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) std::filesystem::copy_file(goldens / "tied" / file, directory / file);
  checkpoint::Decoder like = take(checkpoint::read_decoder(goldens / "tied"));
  like.vocab_size = vocabulary;
  like.hidden_size = 512;
  like.intermediate_size = 1408;
  like.num_layers = 6;
  like.num_heads = 8;
  like.num_kv_heads = 4;
  like.head_dim = 64;
  like.layers.clear();
  checkpoint::make_layers_alike(like);
  std::vector<std::vector<float>> values;
  std::map<std::string, checkpoint::TensorToWrite> tensors;
  for (const auto& [name, shape] : checkpoint::weight_shapes(like)) {
    std::int64_t count = 1;
    for (const auto extent : shape) count *= extent;
    auto& tensor = values.emplace_back(static_cast<std::size_t>(count));
    kernels::fill_uniform(count, 1, values.size(), -0.05f, 0.05f, tensor.data());
    tensors[name] = {shape, tensor};
  }
  REQUIRE(checkpoint::write_safetensors(directory / "model.safetensors", tensors));
}

void write_rows(const std::filesystem::path& file) {
  std::string rows;
  for (std::uint64_t i = 0; i < 16; ++i) {
    json ids = json::array();
    for (std::uint64_t t = 0; t < 256; ++t) ids.push_back(kernels::random_block(2, i, t)[0] % vocabulary);
    rows += json{{"input_ids", ids}}.dump() + "\n";
  }
  write_text(file, rows);
}

TrainRequest request_in(const std::filesystem::path& directory, const std::string& config) {
  TrainRequest request;
  request.model = directory / "model";
  request.data = directory / "rows.jsonl";
  request.out = directory / "out";
  request.config = take(parse_training_config(config));
  return request;
}

struct Used {
  std::int64_t at_rest = 0, most = 0;
};

// Trains in a process of its own and reads what it took.
Used memory_of_child(const TemporaryDirectory& directory, const std::string& config) {
  int say[2];
  REQUIRE(pipe(say) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(say[1], 1);
    close(say[0]);
    setenv("LUTHIER_PLAN_TEST_DIRECTORY", directory.path().c_str(), 1);
    setenv("LUTHIER_PLAN_TEST_CONFIG", config.c_str(), 1);
    execl("/proc/self/exe", "gpu_train_test", "[.memory-child]", nullptr);
    _exit(127);
  }
  close(say[1]);
  FILE* lines = fdopen(say[0], "r");
  char line[256];
  Used used;
  while (fgets(line, sizeof line, lines)) {
    const auto numbers = json::parse(line, nullptr, false);
    if (numbers.is_object()) used = {numbers["at_rest"], numbers["most"]};
  }
  fclose(lines);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return used;
}

}  // namespace

TEST_CASE("the memory that is planned is what the process takes above its rest, within five percent") {
  TemporaryDirectory directory;
  write_model(directory / "model");
  write_rows(directory / "rows.jsonl");
  for (const std::string config : {R"({"method": "lora", "lora": {"r": 16}, "max_steps": 2, "batch_size": 8, "max_seq_length": 256})",
                                   R"({"method": "full", "max_steps": 2, "batch_size": 4, "max_seq_length": 256})",
                                   R"({"method": "full", "max_steps": 2, "batch_size": 4, "max_seq_length": 256, "dtype": "bf16"})",
                                   R"({"method": "lora", "lora": {"r": 16}, "max_steps": 2, "batch_size": 8, "max_seq_length": 256, "dtype": "bf16"})",
                                   R"({"method": "full", "max_steps": 2, "batch_size": 4, "max_seq_length": 256, "optimizer_states": "bf16"})",
                                   R"({"method": "full", "max_steps": 2, "batch_size": 4, "max_seq_length": 256, "optimizer_states": "bf16",
                                       "recompute_activations": true, "layerwise_updates": true, "max_grad_norm": 0})",
                                   R"({"method": "lora", "lora": {"r": 8, "dropout": 0.1}, "max_steps": 2, "batch_size": 8, "packing": true, "max_seq_length": 512})",
                                   R"({"method": "lora", "lora": {"r": 8}, "max_steps": 2, "batch_size": 2, "max_seq_length": 256, "base_storage": "bf16"})",
                                   R"({"method": "lora", "lora": {"r": 8}, "max_steps": 2, "batch_size": 1, "max_seq_length": 64, "base_storage": "nf4"})",
                                   R"({"method": "lora", "lora": {"r": 8}, "max_steps": 2, "batch_size": 1, "max_seq_length": 128, "base_storage": "int8", "merge": true})"}) {
    const auto request = request_in(directory.path(), config);
    const auto planned = static_cast<double>(take(prepare(request)).memory.without_rest());
    const Used used = memory_of_child(directory, config);
    INFO(config << ": planned " << planned / 1e6 << " MB, used " << static_cast<double>(used.most - used.at_rest) / 1e6 << " MB");
    CHECK(static_cast<double>(used.most - used.at_rest) == Approx(planned).epsilon(0.05));
  }
}

// Not a test: what the one above runs in a process of its own.
TEST_CASE("train and say what it took", "[.memory-child]") {
  const char *directory = getenv("LUTHIER_PLAN_TEST_DIRECTORY"), *config = getenv("LUTHIER_PLAN_TEST_CONFIG");
  if (!directory || !config) return;
  const auto request = request_in(directory, config);
  TrainHooks hooks;
  std::size_t at_rest = resident_memory_bytes();
  const auto result = train::train(request, hooks);
  const std::string said = json{{"at_rest", at_rest}, {"most", peak_memory_bytes()}}.dump() + "\n";
  if (!result || write(1, said.data(), said.size()) != static_cast<ssize_t>(said.size())) _exit(1);
  _exit(0);
}
