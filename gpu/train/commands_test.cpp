#include "gpu/train/commands.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "gpu/train/test_support.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

// One line that names what is wrong.
void check_refused(const Ran& ran, const std::string& names) {
  INFO(ran.err);
  CHECK(ran.code == 2);
  CHECK(ran.out.empty());
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  CHECK(ran.err.find(names) != std::string::npos);
}

std::string tokens_of_rows() {
  json all = json::array();
  for (const auto& row : read_lines(goldens / "rows.jsonl"))
    if (all.size() < 3) all.push_back(row["input_ids"]);
  return all.dump();
}

TrainOptions train_options(const TemporaryDirectory& directory, int steps) {
  json config = read_json(goldens / "curve.lora.json")["config"];
  config["max_steps"] = steps;
  TrainOptions options;
  options.model = goldens / "tied";
  options.data = goldens / "curve.rows.jsonl";
  options.config = write_text(directory / "config.json", config.dump());
  options.out = directory / "out";
  return options;
}

}  // namespace

TEST_CASE("engine logits writes one tensor per sequence, those of transformers") {
  TemporaryDirectory directory;
  LogitsOptions options{.model = goldens / "tied", .adapter = {}, .tokens = tokens_of_rows(), .out = directory / "logits.safetensors"};
  const auto ran = run(logits, options);
  CHECK(ran.err.empty());
  CHECK(ran.code == 0);
  check_close(read_tensors(options.out), read_tensors(goldens / "tied.logits.safetensors"), 1e-5);
}

TEST_CASE("engine logits in bfloat16 stays close to f32 without being it") {
  TemporaryDirectory directory;
  LogitsOptions options{.model = goldens / "biased", .adapter = goldens / "lora-biased", .tokens = tokens_of_rows(), .out = directory / "f32"};
  CHECK(run(logits, options).code == 0);
  options.dtype = "bf16";
  options.out = directory / "bf16";
  CHECK(run(logits, options).code == 0);
  const auto exact = read_tensors(directory / "f32"), rounded = read_tensors(directory / "bf16");
  for (const auto& [name, values] : exact) {
    CHECK(difference(rounded.at(name), values) < 0.05);
    CHECK(difference(rounded.at(name), values) > 1e-5);
  }
}

TEST_CASE("engine logits of a model without a head are its hidden states, and such a model has no loss") {
  TemporaryDirectory directory;
  for (const std::string name : {"bert", "xlm-roberta", "llama-bidirectional"}) {
    const auto family = std::filesystem::path("tests/golden/families") / name;
    const auto sequences = read_json(family / "cases.json")["sequences"];
    LogitsOptions options{.model = family, .adapter = {}, .tokens = sequences.dump(), .out = directory / "hidden.safetensors"};
    CHECK(run(logits, options).code == 0);
    check_close(read_tensors(options.out), read_tensors(family / "expected.safetensors"), 1e-5);
    const LossOptions no_loss{.model = family, .adapter = {}, .data = goldens / "rows.jsonl", .gradients = {}};
    check_refused(run(loss, no_loss), "has no output head");
  }
  const nlohmann::json too_long{std::vector<int>(49, 5)};
  check_refused(run(logits, LogitsOptions{.model = "tests/golden/families/bert", .adapter = {}, .tokens = too_long.dump(), .out = directory / "x"}),
                "at most 48");
}

TEST_CASE("engine logits refuses what it cannot read, by name") {
  TemporaryDirectory directory;
  const LogitsOptions good{.model = goldens / "tied", .adapter = {}, .tokens = "[[1]]", .out = directory / "x"};
  for (const char* tokens : {"", "1", "[1]", "[[]]", "[[1.5]]", "[[-1]]", "[[288]]", "[[1],[\"a\"]]", "{}", "[[99999999999999999999]]"}) {
    auto options = good;
    options.tokens = tokens;
    check_refused(run(logits, options), "--tokens");
  }
  auto options = good;
  options.dtype = "f16";
  check_refused(run(logits, options), "--dtype");
  options = good;
  options.model = directory / "nowhere";
  check_refused(run(logits, options), "nowhere");
  options = good;
  options.adapter = directory / "nowhere";
  check_refused(run(logits, options), "nowhere");
  options = good;
  options.out = directory / "no/such/place";
  check_refused(run(logits, options), "place");
}

TEST_CASE("engine loss prints the mean over all supervised tokens and writes gradients by name, packed or not") {
  TemporaryDirectory directory;
  const auto full = read_json(goldens / "full.json"), adapted = read_json(goldens / "lora.json");
  for (const std::int64_t packing : {0, 30, 64}) {
    LossOptions options{.model = goldens / "tied", .adapter = {}, .data = goldens / "rows.jsonl", .packing = packing,
                        .gradients = directory / "gradients"};
    auto ran = run(loss, options);
    CHECK(ran.code == 0);
    auto said = json::parse(ran.out);
    CHECK(said["loss"].get<double>() == Approx(full["tied"]["loss"].get<double>()).epsilon(2e-6));
    CHECK(said["tokens"] == full["tied"]["tokens"]);
    check_close(read_tensors(options.gradients), read_tensors(goldens / "tied.gradients.safetensors"), 2e-5);

    options.adapter = goldens / "lora-part";
    ran = run(loss, options);
    said = json::parse(ran.out);
    CHECK(said["loss"].get<double>() == Approx(adapted["lora-part"]["loss"].get<double>()).epsilon(2e-6));
    check_close(read_tensors(options.gradients), read_tensors(goldens / "lora-part.gradients.safetensors"), 2e-5);

    options.gradients.clear();
    CHECK(json::parse(run(loss, options).out) == said);
  }
}

TEST_CASE("engine loss names the bad row") {
  TemporaryDirectory directory;
  LossOptions options{.model = goldens / "tied", .adapter = {}, .data = {}, .gradients = {}};
  options.data = write_text(directory / "rows.jsonl", "{\"input_ids\":[1,2],\"labels\":[1,2]}\n\n{\"input_ids\":[1,999]}\n");
  check_refused(run(loss, options), "row 3");
  options.data = write_text(directory / "rows.jsonl", "{\"input_ids\":[1,2],\"labels\":[-100,-100]}\n");
  check_refused(run(loss, options), "rows.jsonl");
  options.data = directory / "nowhere.jsonl";
  check_refused(run(loss, options), "nowhere.jsonl");
}

TEST_CASE("train refuses a bad configuration by file and member, before it does anything") {
  TemporaryDirectory directory;
  auto options = train_options(directory, 2);
  write_text(options.config, R"({"lora": {"r": 0}})");
  auto ran = run(train::train, options);
  check_refused(ran, "lora.r");
  check_refused(ran, "config.json");
  write_text(options.config, R"({"method": "lora", "lora": {"target_modules": ["nothing_proj"]}})");
  check_refused(run(train::train, options), "lora.target_modules");
  options.config = directory / "nowhere.json";
  check_refused(run(train::train, options), "nowhere.json");
}

TEST_CASE("train says for programs where it begins, every step, every checkpoint and the end") {
  TemporaryDirectory directory;
  auto options = train_options(directory, 5);
  options.progress_json = true;
  options.checkpoint_directory = directory / "checkpoints";
  options.checkpoint_every = 2;
  options.base_model = "default/tied";
  const auto ran = run(train::train, options);
  CHECK(ran.code == 0);
  std::vector<json> lines;
  std::istringstream in(ran.out);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  CHECK(lines.front()["resumed_from_step"] == 0);
  std::vector<int> steps, checkpoints;
  for (const auto& line : lines) {
    if (line.contains("checkpoint")) checkpoints.push_back(line["checkpoint"]);
    if (line.value("phase", "") == "training") steps.push_back(line["step"]);
  }
  CHECK(steps == std::vector<int>{1, 2, 3, 4, 5});
  CHECK(checkpoints == std::vector<int>{2, 4});
  CHECK(lines.back()["phase"] == "done");
  CHECK(lines.back()["seconds"].get<double>() > 0);
  CHECK(read_json(options.out / "adapter_config.json")["base_model_name_or_path"] == "default/tied");
}

TEST_CASE("kill -9 and SIGTERM at any moment, then the same command again: the adapter of an undisturbed run") {
  TemporaryDirectory directory;
  auto straight = train_options(directory, 40);
  straight.out = directory / "straight";
  REQUIRE(run(train::train, straight).code == 0);

  auto options = train_options(directory, 40);
  options.checkpoint_directory = directory / "checkpoints";
  options.checkpoint_every = 3;
  options.progress_json = true;
  int ended_by_themselves = 0, stopped = 0, killed = 0;
  for (int attempt = 0; attempt < 60 && ended_by_themselves == 0; ++attempt) {
    // A process of its own, with its own OpenMP threads: this one must not have been forked from a threaded one, so the
    // test program runs itself again.
    int say[2];
    REQUIRE(pipe(say) == 0);
    const pid_t child = fork();
    if (child == 0) {
      dup2(say[1], 1);
      close(say[0]);
      setenv("LUTHIER_TRAIN_TEST_DIRECTORY", directory.path().c_str(), 1);
      execl("/proc/self/exe", "gpu_train_test", "[.child]", nullptr);
      _exit(127);
    }
    close(say[1]);
    // Let it do some steps, as many as its attempt's number says, then end it.
    FILE* lines = fdopen(say[0], "r");
    char line[1024];
    int steps = 0;
    bool sent = false;
    while (fgets(line, sizeof line, lines)) {
      if (std::string(line).find("\"training\"") == std::string::npos || sent) continue;
      if (++steps < 2 + attempt % 5) continue;
      kill(child, attempt % 2 == 0 ? SIGKILL : SIGTERM);
      sent = true;
    }
    fclose(lines);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
      CHECK(WTERMSIG(status) == SIGKILL);
      ++killed;
    } else if (WEXITSTATUS(status) == exit_stopped) {
      ++stopped;
    } else {
      CHECK(WEXITSTATUS(status) == 0);
      ++ended_by_themselves;
    }
  }
  CHECK(ended_by_themselves == 1);
  CHECK(killed > 0);
  CHECK(stopped > 0);
  CHECK(read_bytes(options.out / "adapter_model.safetensors") == read_bytes(straight.out / "adapter_model.safetensors"));
  CHECK(read_bytes(options.out / "metrics.jsonl") == read_bytes(straight.out / "metrics.jsonl"));
}

// Not a test: what the one above runs in a process of its own.
TEST_CASE("train in a child process", "[.child]") {
  const char* directory = getenv("LUTHIER_TRAIN_TEST_DIRECTORY");
  if (!directory) return;
  TrainOptions options;
  options.model = goldens / "tied";
  options.data = goldens / "curve.rows.jsonl";
  options.config = std::filesystem::path(directory) / "config.json";
  options.out = std::filesystem::path(directory) / "out";
  options.checkpoint_directory = std::filesystem::path(directory) / "checkpoints";
  options.checkpoint_every = 3;
  options.progress_json = true;
  struct Descriptor : std::streambuf {
    int overflow(int c) override {
      const char byte = static_cast<char>(c);
      return write(1, &byte, 1) == 1 ? c : EOF;
    }
  } buffer;
  std::ostream out(&buffer);
  std::ostringstream err;
  _exit(train::train(options, out, err));
}

TEST_CASE("a profile accounts for a step by operation, and its trace is one that Chrome reads") {
  TemporaryDirectory directory;
  auto options = train_options(directory, 12);
  options.profile = true;
  options.trace = directory / "trace.json";
  const auto ran = run(train::train, options);
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  const auto at = ran.out.find("profile of 11 steps: ");
  REQUIRE(at != std::string::npos);
  const auto share = ran.out.find(" ms a step, ", at);
  REQUIRE(share != std::string::npos);
  CHECK(std::stod(ran.out.substr(share + 12)) > 50);  // on a busy machine; alone it is 99 and more
  for (const char* row : {"forward: attention", "forward: norm", "backward: attention"}) CHECK(ran.out.find(row) != std::string::npos);
  const auto trace = read_json(options.trace);
  REQUIRE(trace["traceEvents"].size() > 100);
  std::map<std::string, double> seconds;
  for (const auto& event : trace["traceEvents"]) {
    CHECK(event["ph"] == "X");
    seconds[event["name"]] += event["dur"].get<double>();
  }
  for (const char* phase : {"rows", "forward", "head", "backward", "update"}) CHECK(seconds.at(phase) > 0);
  CHECK(seconds.at("step") > seconds.at("forward") + seconds.at("head") + seconds.at("backward"));

  auto plain = options;
  plain.profile = false;
  plain.trace.clear();
  plain.out = directory / "plain";
  CHECK(run(train::train, plain).out.find("profile") == std::string::npos);
  CHECK(read_bytes(plain.out / "adapter_model.safetensors") == read_bytes(options.out / "adapter_model.safetensors"));
}
