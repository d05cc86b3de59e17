#include "actors/node/prepare_dataset.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <numeric>

#include "actors/node/prepare_dataset_discovery.hpp"
#include "actors/node/prepare_dataset_shuffle.hpp"
#include "actors/node/prepare_job.hpp"
#include "events/base/temporary_directory.hpp"
#include "gpu/text/tokenizer.hpp"

using namespace luthier;
using namespace luthier::node;

namespace {

namespace fs = std::filesystem;
using Paths = std::vector<std::string>;

using Files = std::vector<std::pair<std::string, std::string>>;  // paths and contents

// A fileset on the disk, prepared.
class Prepared {
 public:
  explicit Prepared(const Files& files) {
    for (const auto& [path, content] : files) {
      const fs::path file = directory_ / "data" / path;
      fs::create_directories(file.parent_path());
      std::ofstream(file, std::ios::binary) << content;
      paths_.push_back(path);
    }
    fs::create_directories(directory_ / "out");
  }
  RowSettings settings;
  const text::Tokenizer* tokenizer = nullptr;
  std::function<bool()> is_cancelled;

  Result<PreparedDataset> run() const {
    const auto found = discover_dataset(paths_, "the dataset");
    if (!found) return found.error();
    return prepare_dataset({directory_ / "data", found->training, directory_ / "data", found->validation, settings, tokenizer, directory_ / "out", is_cancelled});
  }
  std::string refusal() const {
    const auto prepared = run();
    return prepared ? "" : prepared.error().message;
  }

 private:
  TemporaryDirectory directory_;
  Paths paths_;
};

std::string content(const RowsFile& rows) {
  std::ifstream in(rows.path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string row(int number) { return R"({"prompt":"p)" + std::to_string(number) + R"(","completion":"c"})" + "\n"; }

}  // namespace

TEST_CASE("a preparation ends soon after it is cancelled") {
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += row(i);
  Prepared dataset({{"train.jsonl", rows}});
  int asked = 0;
  dataset.is_cancelled = [&] { return ++asked > 10; };
  const auto prepared = dataset.run();
  REQUIRE_FALSE(prepared);
  CHECK(prepared.error().code == ErrorCode::cancelled);
  CHECK(asked == 11);
}

TEST_CASE("the shuffle gives Python's order") {
  CHECK(PythonRandom(1111).bits32() == 934588202u);
  CHECK(PythonRandom(0).bits32() == 3626764237u);
  CHECK(PythonRandom(3407).bits32() == 244111517u);
  CHECK(PythonRandom(4294967295u).bits32() == 2728839433u);
  using Order = std::vector<std::size_t>;
  CHECK(shuffled_indices(1, 1111) == Order{0});
  CHECK(shuffled_indices(2, 1111) == Order{1, 0});
  CHECK(shuffled_indices(10, 1111) == Order{8, 0, 4, 2, 1, 7, 6, 5, 9, 3});
  CHECK(shuffled_indices(20, 1111) == Order{10, 0, 18, 12, 16, 14, 3, 9, 5, 13, 2, 8, 15, 1, 7, 17, 4, 11, 19, 6});
  const auto thousand = shuffled_indices(1000, 1111);
  CHECK(Order(thousand.begin(), thousand.begin() + 5) == Order{528, 49, 309, 649, 737});
  std::size_t sum = 0;
  for (std::size_t i = 0; i < thousand.size(); ++i) sum += i * thousand[i];
  CHECK(sum == 247895257);
}

TEST_CASE("files of rows are found by their names") {
  const auto found = [](const Paths& paths) { return *discover_dataset(paths, "the dataset"); };
  CHECK(found({"train.jsonl", "other.jsonl"}).training == Paths{"train.jsonl"});
  CHECK(found({"training-2.json", "training-1.jsonl", "validation.json", "dev.jsonl"}).training == Paths{"training-1.jsonl", "training-2.json"});
  CHECK(found({"training-1.jsonl", "validation.json", "dev.jsonl", "val_a.jsonl"}).validation == Paths{"dev.jsonl", "val_a.jsonl", "validation.json"});
  CHECK(found({"train/b.jsonl", "train/a.jsonl", "training/c.json", "train/deep/d.jsonl", "dev/e.jsonl"}).training ==
        Paths{"train/a.jsonl", "train/b.jsonl", "training/c.json"});
  CHECK(found({"b.jsonl", "a.jsonl", "c.json", "deep/d.jsonl"}).training == Paths{"a.jsonl", "b.jsonl"});
  CHECK(found({"a.jsonl"}).validation.empty());
  for (const auto& paths : {Paths{}, Paths{"readme.txt"}, Paths{"nested/deep/training.jsonl"}, Paths{"validation.jsonl", "other.jsonl"}})
    CHECK(discover_dataset(paths, "the dataset").error().message.find("no training files") != std::string::npos);
  CHECK(*discover_validation({"a.jsonl"}, "it") == Paths{"a.jsonl"});
  CHECK(*discover_validation({"val.jsonl", "train.jsonl"}, "it") == Paths{"val.jsonl"});
  CHECK(*discover_all({"x/y.json", "z.jsonl", "q.txt"}, "it") == Paths{"x/y.json", "z.jsonl"});
}

TEST_CASE("one file with rows to validate on is used as it is") {
  Prepared dataset(Files{{"train.jsonl", row(1) + row(2)}, {"validation.jsonl", row(3)}});
  const auto prepared = dataset.run();
  REQUIRE(prepared);
  CHECK(prepared->training.original == "train.jsonl");
  CHECK(prepared->training.rows == 2);
  REQUIRE(prepared->validation);
  CHECK(prepared->validation->original == "validation.jsonl");
  CHECK(prepared->warnings.empty());
}

TEST_CASE("several files are joined in the order of their paths, and their rows keep their places") {
  Prepared dataset(Files{{"train/b.jsonl", row(3)}, {"train/a.jsonl", row(1) + "\n" + row(2).substr(0, row(2).size() - 1)}, {"val.jsonl", row(9)}});
  const auto prepared = dataset.run();
  REQUIRE(prepared);
  CHECK(content(prepared->training) == row(1) + row(2) + row(3));
  CHECK(prepared->training.original.empty());
  CHECK(prepared->training.place_of(2) == "train/a.jsonl: row 3");
  CHECK(prepared->training.place_of(3) == "train/b.jsonl: row 1");
}

TEST_CASE("without rows to validate on a tenth is set aside, as Python's shuffle has them") {
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += row(i);
  Prepared dataset(Files{{"train.jsonl", rows}});
  const auto prepared = dataset.run();
  REQUIRE(prepared);
  REQUIRE(prepared->validation);
  CHECK(content(*prepared->validation) == row(10) + row(0));
  CHECK(content(prepared->training).starts_with(row(18) + row(12) + row(16)));
  CHECK(prepared->training.rows == 18);
  dataset.settings.splits = false;
  const auto whole = dataset.run();
  REQUIRE(whole);
  CHECK_FALSE(whole->validation);
  CHECK(Prepared(Files{{"train.jsonl", row(1)}}).refusal().find("one row") != std::string::npos);
}

TEST_CASE("a bad row is told with its file and its line") {
  const std::pair<const char*, const char*> cases[] = {
      {"{broken\n", "train.jsonl: row 3: not JSON"},
      {"[1]\n", "train.jsonl: row 3: not a JSON object"},
      {R"({"prompt":"a"})", "train.jsonl: row 3: \"completion\" is missing"},
      {R"({"prompt":"a","completion":5})", "train.jsonl: row 3: \"completion\" must be a string"},
      {R"({"prompt":"","completion":"b"})", "train.jsonl: row 3: \"prompt\" is empty"},
      {R"({"prompt":"a","completion":"b","query":"q","pos_doc":"p","neg_doc":[]})", "fits both prompt/completion and embedding"},
  };
  for (const auto& [bad, words] : cases) {
    INFO(bad);
    CHECK(Prepared(Files{{"train.jsonl", row(1) + "\n" + bad}}).refusal().find(words) != std::string::npos);
  }
  CHECK(Prepared(Files{{"training.jsonl", ""}}).refusal() == "training.jsonl has no rows");
  CHECK(Prepared(Files{{"train.jsonl", R"({"text": 5})"}}).refusal().find("its members are \"text\"") != std::string::npos);
  CHECK(Prepared(Files{{"train.jsonl", R"({"query":"q","pos_doc":"p","neg_doc":["n"]})"}}).refusal().find("the model is none; it is trained on prompt and completion") != std::string::npos);
}

TEST_CASE("preferences of the four forms are taken as they are by a job that trains on them") {
  const auto assistant = [](const char* words) { return std::string(R"([{"role":"assistant","content":")") + words + R"("}])"; };
  const auto talk = [](const char* words) {
    return std::string(R"([{"role":"user","content":"q"},{"role":"assistant","content":")") + words + R"("}])";
  };
  const std::string context = R"("context":[{"role":"user","content":"q"}],)";
  const std::string forms[] = {
      R"({"prompt":"q","chosen":"a","rejected":"b"})",
      R"({"prompt":"q","chosen_response":"a","rejected_response":"b","id":7})",
      R"({"prompt":[{"role":"user","content":"q"}],"chosen":)" + assistant("a") + R"(,"rejected":)" + assistant("b") + "}",
      R"({"prompt":"q","chosen":)" + talk("a") + R"(,"rejected":)" + talk("b") + "}",
      "{" + context + R"("completions":[{"rank":1,"completion":)" + assistant("b") + R"(},{"rank":0,"completion":)" + assistant("a") + "}]}",
      "{" + context + R"("response1":"a","response2":"b","overall_preference":-2})",
      R"({"context":"q","response1":"a","response2":"b","overall_preference":0})",
  };
  for (const auto& row : forms) {
    INFO(row);
    Prepared dataset(Files{{"train.jsonl", row + "\n" + row + "\n"}, {"val.jsonl", row + "\n"}});
    dataset.settings.use = RowUse::preferences;
    const auto prepared = dataset.run();
    CHECK(dataset.refusal() == "");
    REQUIRE(prepared);
    CHECK(prepared->training.original == "train.jsonl");
    dataset.settings.use = RowUse::text;
    CHECK(dataset.refusal().find("train.jsonl: row 1: these rows are preferences") == 0);
    CHECK(dataset.refusal().find("training.type dpo") != std::string::npos);
  }
}

TEST_CASE("a preference loses the members that would make it a row of another kind") {
  Prepared dataset(Files{{"train.jsonl", R"({"messages":[],"prompt":"q","chosen":"a","score":2,"rejected":"b","tools":[]})" "\n"},
                         {"val.jsonl", R"({"prompt":"q","chosen":"a","rejected":"b","score":1})" "\n"}});
  dataset.settings.use = RowUse::preferences;
  const auto prepared = dataset.run();
  REQUIRE(prepared);
  CHECK(content(prepared->training) == R"({"prompt":"q","chosen":"a","rejected":"b","tools":[]})" "\n");
  CHECK(prepared->training.place_of(1) == "train.jsonl: row 1");
  CHECK(prepared->validation->original == "val.jsonl");
}

TEST_CASE("a bad preference is told with its file and its line") {
  const std::string pair = R"({"prompt":"q","chosen":"a","rejected":"b"})";
  const std::string talk = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";
  const std::string scored = R"({"context":"q","response1":"a","response2":"b","overall_preference":1})";
  const std::string ranked = R"({"context":[{"role":"user","content":"q"}],"completions":[{"rank":0,"completion":)"
                             R"([{"role":"assistant","content":"a"}]},{"rank":1,"completion":[{"role":"assistant","content":"b"}]}]})";
  const std::tuple<std::string, std::string, const char*> cases[] = {
      {pair, R"({"prompt":"q","chosen":"a"})", "\"rejected\" is missing"},
      {pair, R"({"prompt":5,"chosen":"a","rejected":"b"})", "\"prompt\" must be a string or a list of messages"},
      {pair, R"({"prompt":"","chosen":"a","rejected":"b"})", "\"prompt\" is empty"},
      {pair, R"({"prompt":"q","chosen":[{"role":"user","content":"a"}],"rejected":"b"})", "all rows must be of one form"},
      {pair, scored, "all rows must be of one form"},
      {R"({"chosen":)" + talk + R"(,"rejected":)" + talk + "}", R"({"chosen":)" + talk + R"(,"rejected":[{"role":"user","content":"q"}]})",
       "\"rejected\" must end with a message of the role \"assistant\""},
      {scored, R"({"context":"q","response1":"a","response2":"b","overall_preference":"first"})", "\"overall_preference\" must be a whole number"},
      {ranked, R"({"context":[{"role":"user","content":"q"}],"completions":[]})", "must be a list of two"},
      {ranked, R"({"context":[{"role":"user"}],"completions":[1,2]})", "context[0]: needs \"content\""},
      {ranked, R"({"context":[{"role":"user","content":"q"}],"completions":[{"rank":0.5},{"rank":1}]})", "completions[0]: needs a \"rank\""},
  };
  for (const auto& [good, bad, words] : cases) {
    INFO(bad);
    Prepared dataset(Files{{"train.jsonl", good + "\n" + bad + "\n"}});
    dataset.settings.use = RowUse::preferences;
    CHECK(dataset.refusal().find("train.jsonl: row 2: ") == 0);
    CHECK(dataset.refusal().find(words) != std::string::npos);
  }
  Prepared text(Files{{"train.jsonl", row(1) + row(2)}});
  text.settings.use = RowUse::preferences;
  CHECK(text.refusal().find("train.jsonl: row 1: these rows are prompts and completions, and a job of the type dpo needs preferences") == 0);
}

TEST_CASE("rows of an embedding model are taken as they are, and checked") {
  const std::string good = R"({"query":"q","pos_doc":"p","neg_doc":["n","m"],"id":1})" "\n";
  const auto prepare = [&](const std::string& rows) {
    Prepared dataset(Files{{"train.jsonl", rows}, {"val.jsonl", good}});
    dataset.settings.use = RowUse::embeddings;
    const auto prepared = dataset.run();
    return prepared ? prepared->training.original : prepared.error().message;
  };
  CHECK(prepare(good + good) == "train.jsonl");
  const std::pair<const char*, const char*> cases[] = {
      {R"({"query":"q","neg_doc":["n"]})", "\"pos_doc\" is missing"},
      {R"({"query":" ","pos_doc":"p","neg_doc":["n"]})", "\"query\" is empty"},
      {R"({"query":"q","pos_doc":"p","neg_doc":"n"})", "\"neg_doc\" must be a list of strings"},
      {R"({"query":"q","pos_doc":"p","neg_doc":[]})", "\"neg_doc\" has no text"},
      {R"({"query":"q","pos_doc":"p","neg_doc":["n"],"prompt":"a","completion":"b"})", "fits both embedding and prompt/completion"},
  };
  for (const auto& [bad, words] : cases) {
    INFO(bad);
    CHECK(prepare(good + bad).find(words) != std::string::npos);
    CHECK(prepare(good + bad).find("train.jsonl: row 2: ") == 0);
  }
  CHECK(prepare(row(1)).find("train.jsonl: row 1: these rows are prompts and completions, and the model is an embedding model") == 0);
}

TEST_CASE("conversations are checked as the contract has them") {
  const auto refusal = [](const std::string& messages) {
    const std::string good = R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})" "\n";
    return Prepared(Files{{"train.jsonl", good + "{\"messages\":" + messages + "}\n"}}).refusal();
  };
  const auto user = std::string(R"({"role":"user","content":"a"},)");
  CHECK(refusal("[" + user + R"({"role":"assistant","content":"b"}])").empty());
  CHECK(refusal("[" + user + R"({"role":"assistant","thinking":"b"}])").empty());
  CHECK(refusal("[" + user + R"({"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":{}}}]}])").empty());
  const std::pair<std::string, const char*> cases[] = {
      {"[]", "not empty"},
      {"[" + user + R"({"role":"user","content":"b"}])", "assistant"},
      {"[" + user + R"({"role":"assistant"}])", "messages[1]"},
      {"[" + user + R"({"role":"assistant","content":"b","thinking":"c"}])", "both"},
      {"[" + user + R"({"role":"assistant","content":"b","name":"x"}])", "\"name\""},
      {"[" + user + R"({"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]}])", "arguments"},
  };
  for (const auto& [messages, words] : cases) {
    INFO(messages);
    CHECK(refusal(messages).find(words) != std::string::npos);
  }
}

TEST_CASE("rows of other members become prompts and completions") {
  Prepared guessed(Files{{"train.jsonl", "{\"n\":1,\"q\":\"a\",\"a\":\"b\"}\n"}, {"val.jsonl", "{\"n\":1,\"q\":\"c\",\"a\":\"d\"}\n"}});
  const auto prepared = guessed.run();
  REQUIRE(prepared);
  CHECK(content(prepared->training) == "{\"prompt\":\"a\",\"completion\":\"b\"}\n");
  REQUIRE(prepared->warnings.size() == 1);
  CHECK(prepared->warnings[0].find("\"q\" and \"a\"") != std::string::npos);
  guessed.settings.prompt_template = "Answer {a} then {q}";
  const auto templated = guessed.run();
  REQUIRE(templated);
  CHECK(content(templated->training) == "{\"prompt\":\"b\",\"completion\":\"a\"}\n");
  CHECK(templated->warnings.empty());
  guessed.settings.prompt_template = "{x} {q}";
  CHECK(guessed.refusal().find("\"x\" of the prompt_template is missing") != std::string::npos);
}

TEST_CASE("a text field becomes tokens that all take loss") {
  const auto tokenizer = text::Tokenizer::load("tests/golden/models/llama-tiny");
  REQUIRE(tokenizer);
  Prepared dataset(Files{{"train.jsonl", "{\"text\":\"hello there\"}\n"}, {"val.jsonl", "{\"text\":\"hello\"}\n"}});
  dataset.settings.text_field = "text";
  dataset.tokenizer = &*tokenizer;
  const auto prepared = dataset.run();
  REQUIRE(prepared);
  const auto ids = tokenizer->encode("hello there", true);
  std::string expected;
  for (const auto id : *ids) expected += (expected.empty() ? "" : ",") + std::to_string(id);
  CHECK(content(prepared->training) == "{\"input_ids\":[" + expected + "]}\n");
  dataset.settings.text_field = "body";
  CHECK(dataset.refusal().find("\"body\", which the job trains on, is missing; there are \"text\"") != std::string::npos);
}

TEST_CASE("validation is as often as the interval says, and happens before the end") {
  const auto every = [](std::optional<double> interval, std::int64_t epoch, std::int64_t steps, std::optional<std::int64_t> fixed = {}) {
    PreparationWish wish;
    wish.validation_interval = interval;
    wish.validation_steps = fixed;
    return validation_every(wish, epoch, steps);
  };
  CHECK(every({}, 10, 30) == 10);
  CHECK(every(0.0, 10, 30) == 10);
  CHECK(every(0.25, 10, 30) == 2);
  CHECK(every(1.0, 10, 30) == 10);
  CHECK(every(0.01, 10, 30) == 1);
  CHECK(every(4.9, 10, 30) == 4);
  CHECK(every(1e300, 10, 30) == 10);
  CHECK(every({}, 10, 10) == 9);
  CHECK(every({}, 10, 4) == 3);
  CHECK(every({}, 1, 1) == 1);
  CHECK(every({}, 10, 30, 1) == 1);
}

TEST_CASE("a preparation is read leniently where it says nothing, and strictly where it does") {
  CHECK(read_preparation("null")->rows.splits);
  const auto wish = read_preparation(R"({"text_field":"t","splits":false,"any_name":true,"warmup_ratio":0.5,"warmup_least":1,"validation_steps":3})");
  REQUIRE(wish);
  CHECK(wish->rows.text_field == "t");
  CHECK_FALSE(wish->rows.splits);
  CHECK(wish->any_name);
  CHECK(wish->warmup_ratio == 0.5);
  CHECK(wish->warmup_least == 1);
  CHECK_FALSE(read_preparation(R"({"splits":"no"})"));
  CHECK_FALSE(read_preparation(R"({"prompt_template":"{one}"})"));
}
