// The command line's serving verbs, through their streams.
#include "gpu/serve/commands.hpp"

#include <httplib.h>
#include <pthread.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace luthier::serve;

namespace {

const std::filesystem::path tiny = "tests/golden/models/llama-tiny";

struct Outcome {
  int code;
  std::string out, err;
};

Outcome run(const GenerateOptions& options) {
  std::ostringstream out, err;
  const int code = generate(options, out, err);
  return {code, out.str(), err.str()};
}

Outcome run_embed(const std::filesystem::path& model, const std::string& text, const std::filesystem::path& adapter = {}) {
  std::istringstream in(text);
  std::ostringstream out, err;
  const int code = embed({.model = model, .adapter = adapter}, in, out, err);
  return {code, out.str(), err.str()};
}

void check_refused(const Outcome& outcome, const std::string& named) {
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  INFO(outcome.err);
  CHECK(outcome.err.find(named) != std::string::npos);
}

// Fulfils a promise with the first line that is written.
class FirstLine : public std::stringbuf {
 public:
  std::future<std::string> line() { return promise_.get_future(); }

 private:
  int sync() override {
    if (!std::exchange(done_, true)) promise_.set_value(str());
    return 0;
  }
  std::promise<std::string> promise_;
  bool done_ = false;
};

}  // namespace

TEST_CASE("generate prints the ids or the text of the golden rows") {
  std::ifstream file("tests/golden/serve/generate.json");
  int checked = 0;
  for (const auto& row : nlohmann::json::parse(file)) {
    if (row["model"] != "models/llama-tiny" || row["prompt"].size() != 15) continue;
    GenerateOptions options{.model = tiny, .tokens = row["prompt"].dump(), .tokens_max = 24, .ids = true, .threads = 1};
    if (!row["adapter"].is_null()) options.adapter = "tests/golden/" + row["adapter"].get<std::string>();
    auto expected = row["new"].get<std::vector<int>>();
    expected.erase(std::find(expected.begin(), expected.end(), 2), expected.end());  // its end token
    const auto outcome = run(options);
    CHECK(outcome.code == 0);
    CHECK(outcome.out == nlohmann::json(expected).dump() + "\n");
    ++checked;
  }
  CHECK(checked > 5);
  const auto text = run({.model = tiny, .prompt = "What is", .tokens_max = 5, .threads = 1});
  CHECK(text.code == 0);
  CHECK(text.out.ends_with("\n"));
}

TEST_CASE("generate refuses bad arguments with one line") {
  check_refused(run({.model = "tests/golden/models/none", .prompt = "x"}), "none");
  check_refused(run({.model = tiny}), "--prompt");
  check_refused(run({.model = tiny, .prompt = "x", .tokens = "[1]"}), "--prompt");
  check_refused(run({.model = tiny, .tokens = "[1"}), "--tokens");
  check_refused(run({.model = tiny, .tokens = "[1, \"a\"]"}), "--tokens");
  check_refused(run({.model = tiny, .tokens = "[1, -1]"}), "--tokens");
  check_refused(run({.model = tiny, .tokens = "[]"}), "prompt");
  check_refused(run({.model = tiny, .tokens = "[288]"}), "288");
  check_refused(run({.model = tiny, .tokens = "[1]", .tokens_max = 0}), "--max-tokens");
  check_refused(run({.model = tiny, .tokens = "[1]", .tokens_max = 1000}), "512");
  check_refused(run({.model = tiny, .tokens = "[1]", .temperature = -1}), "--temperature");
  check_refused(run({.model = tiny, .adapter = tiny, .tokens = "[1]"}), "adapter_config.json");
}

TEST_CASE("embed gives the normalised mean that transformers gives") {
  std::ifstream file("tests/golden/serve/embed.json");
  const auto rows = nlohmann::json::parse(file);
  std::string lines;
  for (const auto& row : rows) lines += row["text"].get<std::string>() + "\n";
  const auto outcome = run_embed(tiny, lines);
  REQUIRE(outcome.code == 0);
  std::istringstream out(outcome.out);
  std::string line;
  for (const auto& row : rows) {
    REQUIRE(std::getline(out, line));
    const auto got = nlohmann::json::parse(line).get<std::vector<double>>();
    const auto expected = row["vector"].get<std::vector<double>>();
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(2e-6));
  }
  check_refused(run_embed("tests/golden/models/none", "x\n"), "none");
  const auto late = run_embed(tiny, "What\n\nWhat\n");
  CHECK(late.code == 2);
  CHECK(late.err.find("line 2") != std::string::npos);
  CHECK(run_embed(tiny, std::string(2000, 'x') + "\n").err.find("512") != std::string::npos);
}

TEST_CASE("embed with an adapter gives another vector of length 1, and refuses one that it cannot read") {
  const auto vector_of = [](const Outcome& outcome) {
    REQUIRE(outcome.code == 0);
    return nlohmann::json::parse(outcome.out).get<std::vector<double>>();
  };
  const auto plain = vector_of(run_embed(tiny, "What is it?\n"));
  const auto adapted = vector_of(run_embed(tiny, "What is it?\n", "tests/golden/models/llama-tiny-adapter"));
  REQUIRE(plain.size() == adapted.size());
  double length = 0, apart = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    length += adapted[i] * adapted[i];
    apart = std::max(apart, std::abs(adapted[i] - plain[i]));
  }
  CHECK(length == Approx(1).epsilon(1e-5));
  CHECK(apart > 1e-3);
  check_refused(run_embed(tiny, "x\n", "tests/golden/models/none"), "none");
}

TEST_CASE("serve says when it is ready, answers, and ends with SIGTERM") {
  FirstLine lines;
  auto line = lines.line();
  std::ostream out(&lines);
  std::ostringstream err;
  int code = -1;
  ServeOptions options{.model = tiny, .served_names = {"default/tiny"}, .admin_token = "t", .adapters = {"default--a=tests/golden/models/llama-tiny-adapter"}};
  options.engine.threads = 1;
  std::thread server([&] { code = serve(options, out, err); });
  const auto ready = line.get();
  REQUIRE(ready.starts_with("ready http://127.0.0.1:"));
  httplib::Client client(ready.substr(6, ready.size() - 7));
  const auto models = client.Get("/v1/models");
  REQUIRE(models);
  CHECK(nlohmann::json::parse(models->body)["data"][1]["id"] == "default--a");
  const auto begin = std::chrono::steady_clock::now();
  pthread_kill(server.native_handle(), SIGTERM);
  server.join();
  CHECK(code == 0);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  CHECK(err.str().empty());
}

TEST_CASE("serve refuses what it cannot do with one line") {
  const auto refused = [](ServeOptions options, const std::string& named) {
    std::ostringstream out, err;
    options.engine.threads = 1;
    const int code = serve(options, out, err);
    check_refused({code, out.str(), err.str()}, named);
  };
  refused({.model = tiny, .listen = "nowhere"}, "--listen");
  refused({.model = tiny, .listen = "127.0.0.1:99999"}, "--listen");
  refused({.model = tiny, .listen = "192.0.2.1:1"}, "192.0.2.1");
  refused({.model = tiny, .admin_token_file = "/does/not/exist"}, "/does/not/exist");
  refused({.model = tiny, .adapters = {"noname"}}, "noname");
  refused({.model = tiny, .adapters = {"a=/does/not/exist"}}, "/does/not/exist");
  refused({.model = "tests/golden/models/none"}, "none");
}
