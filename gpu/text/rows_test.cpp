// Which tokens of a training row take part in the loss; the golden labels follow the same rules over transformers.
#include "gpu/text/rows.hpp"

#include "gpu/text/dataset_source.hpp"
#include "gpu/text/test_support.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

constexpr TokenId none = no_loss;

struct Read {
  std::vector<Row> rows;
  DatasetSummary summary;
};

Result<Read> read_file(const std::filesystem::path& file, const Tokenizer& tokenizer, const RowOptions& options = {}) {
  auto source = RowSource::open({file}, tokenizer, {.rows = options});
  if (!source) return source.error();
  Read read{{}, source->summary()};
  for (std::size_t row = 0; row < source->size(); ++row) {
    auto example = source->read(row);
    if (!example) return example.error();
    CHECK(example->tokens() == source->length(row));
    CHECK(example->supervised() == source->supervised(row));
    for (auto& part : example->parts) read.rows.push_back(std::move(part));
  }
  return read;
}

struct Given {
  TemporaryDirectory directory;
  Tokenizer tokenizer;

  explicit Given(const std::string& name = "llama-tiny", const ordered_json& template_name = {}) : tokenizer(load_golden(directory, name, template_name)) {}

  Result<Read> read(const std::string& lines, RowOptions options = {}) const {
    return read_file(write_text(directory / "rows.jsonl", lines), tokenizer, options);
  }
};

std::string refusal(const Result<Read>& result) { return result ? "not refused" : result.error().message; }

}  // namespace

TEST_CASE("rows become the ids and labels that the rules give over transformers") {
  const auto all = read_json(goldens / "rows.json");
  REQUIRE(all["cases"].size() == 7);
  for (const auto& golden : all["cases"]) {
    const Given given(golden["tokenizer"], golden["template"]);
    for (std::size_t i = 0; i < golden["rows"].size(); ++i) {
      INFO(golden["tokenizer"] << " " << golden["template"] << " " << golden["rows"][i]);
      const auto data = take(given.read("\n" + golden["rows"][i].dump() + "\r\n"));
      std::int64_t supervised = 0;
      for (std::size_t at = 1; at < golden["labels"][i].size(); ++at) supervised += golden["labels"][i][at] != none;
      CHECK(data.summary.rows_read == 1);
      CHECK(data.summary.supervised_tokens == supervised);
      CHECK(data.summary.left_out.count == (supervised == 0));
      if (supervised == 0) continue;
      CHECK(ordered_json(data.rows[0].ids) == golden["ids"][i]);
      CHECK(ordered_json(data.rows[0].labels) == golden["labels"][i]);
      CHECK(data.summary.tokens == static_cast<std::int64_t>(golden["ids"][i].size()));
    }
  }
}

TEST_CASE("rows of ids are taken as they are, and cut on the right") {
  const Given given;
  const auto lines = R"({"input_ids":[5,6,7,8],"labels":[-100,-100,7,8],"more":[18446744073709551616,{"a":[1]}]}
{"input_ids":[1,2,3,4,5]}

{"input_ids":[1,2],"labels":[1,-100]}
{"input_ids":[],"id":99999999999999999999}
{"input_ids":[9]})";
  auto data = take(given.read(lines));
  REQUIRE(data.rows.size() == 2);
  CHECK(data.rows[0].labels == std::vector<TokenId>{none, none, 7, 8});
  CHECK(data.rows[1].labels == std::vector<TokenId>{1, 2, 3, 4, 5});
  CHECK(data.summary.rows_read == 5);
  CHECK(data.summary.left_out.count == 3);  // the first label of a row is predicted by nothing
  CHECK(data.summary.tokens == 9);
  CHECK(data.summary.supervised_tokens == 6);
  data = take(given.read(lines, {.max_seq_length = 2}));
  REQUIRE(data.rows.size() == 1);
  CHECK(data.rows[0].ids == std::vector<TokenId>{1, 2});
}

TEST_CASE("an end token is put behind prompt and completion on demand") {
  const Given given;
  const std::string line = R"({"prompt":"a","completion":"b"})";
  const auto plain = take(given.read(line)), ended = take(given.read(line, {.append_end_token = true}));
  auto ids = plain.rows[0].ids;
  ids.push_back(*given.tokenizer.eos());
  CHECK(ended.rows[0].ids == ids);
  CHECK(ended.rows[0].labels.back() == *given.tokenizer.eos());
}

TEST_CASE("rows of every kind become the ids and labels that the rules give over transformers") {
  const auto all = read_json("tests/golden/rows/rows.json");
  REQUIRE(all["cases"].size() > 15);
  for (const auto& golden : all["cases"]) {
    const Given given(golden["tokenizer"], golden["template"]);
    RowOptions options;
    options.append_end_token = golden["options"].value("append_end_token", false);
    options.prompt_template = golden["options"].value("prompt_template", "");
    RowReader reader(given.tokenizer, options);
    for (std::size_t i = 0; i < golden["rows"].size(); ++i) {
      INFO(golden["tokenizer"] << " " << golden["template"] << " " << golden["rows"][i]);
      const auto example = take(reader.read(golden["rows"][i].dump()));
      CHECK(to_string(example.kind) == golden["kind"]);
      CHECK(example.supervised() == golden["supervised"][i]);
      REQUIRE(example.parts.size() == golden["parts"][i].size());
      for (std::size_t p = 0; p < example.parts.size(); ++p) {
        CHECK(ordered_json(example.parts[p].ids) == golden["parts"][i][p]["ids"]);
        CHECK(ordered_json(example.parts[p].labels) == golden["parts"][i][p]["labels"]);
      }
    }
  }
}

TEST_CASE("each part of a row is cut, and prefixes are put before what an embedding model reads") {
  const Given given;
  RowReader reader(given.tokenizer, {.max_seq_length = 3, .query_prefix = "query: ", .passage_prefix = "passage: "});
  const auto example = take(reader.read(R"({"query":"a","pos_doc":"b","neg_doc":["c"]})"));
  REQUIRE(example.parts.size() == 3);
  std::int64_t uncut = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto whole = take(given.tokenizer.encode((i == 0 ? "query: " : "passage: ") + std::string(1, static_cast<char>('a' + i)), true));
    uncut += static_cast<std::int64_t>(whole.size());
    CHECK(example.parts[i].ids == std::vector<TokenId>(whole.begin(), whole.begin() + 3));
  }
  CHECK(example.tokens() == 9);
  CHECK(example.tokens_uncut == uncut);
}

TEST_CASE("what does not fit into a row of its kind is named") {
  const Given given("llama-tiny", "plain");
  const std::string user = R"([{"role":"user","content":"a"}])", answer = R"([{"role":"assistant","content":"b"}])";
  const std::pair<std::string, std::string> bad[] = {
      {R"({"prompt":"a","chosen":"b"})", "\"rejected\" is missing"},
      {R"({"chosen":"b","rejected":"c"})", "\"prompt\" is missing"},
      {R"({"prompt":5,"chosen":"b","rejected":"c"})", "\"prompt\" must be a string or a list of messages"},
      {R"({"prompt":"a","chosen":"b","rejected":)" + answer + "}", "\"rejected\" must be of the same kind"},
      {R"({"prompt":"a","chosen":[],"rejected":[]})", "\"chosen\" must be a list that is not empty"},
      {R"({"prompt":"a","chosen":[5],"rejected":[]})", "\"chosen\" is not a list of objects: message 1"},
      {R"({"prompt":"a","chosen":[{"content":"x"}],"rejected":[]})", "message 1 has none"},
      {R"({"chosen":)" + user + R"(,"rejected":)" + answer + "}", "\"chosen\" must end with a message of the assistant"},
      {R"({"chosen":)" + answer + R"(,"rejected":)" + answer + "}", "\"chosen\" and \"rejected\" are the same"},
      {R"({"context":"a","completions":[]})", "\"context\" must be a list"},
      {R"({"context":)" + user + R"(,"completions":[{"rank":0,"completion":)" + answer + "}]}", "\"completions\" must be a list of two"},
      {R"({"context":)" + user + R"(,"completions":[{"completion":)" + answer + "},{}]}", "completion 1 without a \"rank\""},
      {R"({"context":)" + user + R"(,"completions":[{"rank":0,"completion":)" + answer + R"(},{"rank":1}]})", "completion 2 without a \"completion\""},
      {R"({"context":)" + user + R"(,"completions":[{"rank":0,"completion":)" + user + R"(},{"rank":1,"completion":)" + answer + "}]}", "completion 1 that does not end"},
      {R"({"context":"a","response1":"b","response2":"c","overall_preference":0.5})", "\"overall_preference\" must be a whole number"},
      {R"({"context":"a","response1":"b","overall_preference":1})", "\"response2\" is missing"},
      {R"({"query":"a","pos_doc":"b"})", "\"neg_doc\" is missing"},
      {R"({"query":"a","neg_doc":[]})", "\"pos_doc\" is missing"},
      {R"({"query":"a","pos_doc":"b","neg_doc":"c"})", "\"neg_doc\" must be a list of strings"},
      {R"({"query":"a","pos_doc":"b","neg_doc":[1]})", "\"neg_doc\" must be a list of strings, and has 1"},
      {R"({"messages":)" + answer + R"(,"chat_template_kwargs":5})", "\"chat_template_kwargs\" must be an object"},
      {R"({"messages":)" + answer + R"(,"chat_template_kwargs":{"chat_template":"x"}})", "must not have \"chat_template\""},
  };
  for (const auto& [line, why] : bad) {
    INFO(line);
    CHECK(refusal(given.read(line)).find("row 1: ") != std::string::npos);
    CHECK(refusal(given.read(line)).find(why) != std::string::npos);
  }
  CHECK(refusal(given.read(R"({"prompt":"a"})", {.prompt_template = "{prompt} {more}"})).find("\"more\" is missing") != std::string::npos);
  for (const char* wrong : {"{a}", "{a}{b}{c}", "{a} {a}", "a b", "{} {b}"})
    CHECK(refusal(given.read("{}", {.prompt_template = wrong})).find("prompt_template must have exactly two") != std::string::npos);
}

TEST_CASE("answers are learnt by generation blocks alone where the template has any") {
  const Given given("llama-tiny", "generation");
  // No block comes for a user, so nothing of this row is learnt.
  CHECK(take(given.read(R"({"messages":[{"role":"user","content":"hi"}]})")).summary.left_out.count == 1);
}

TEST_CASE("a bad row is named by file and line") {
  const Given given;
  const std::string good = "{\"input_ids\":[1,2]}\n\n";
  const std::pair<std::string, std::string> bad[] = {
      {"nonsense", "JSON"},
      {"[1]", "not a JSON object"},
      {"{\"input_ids\":[1", "JSON"},
      {"{\"input_ids\":1}", "must be a list"},
      {"{\"input_ids\":[1,-1]}", "has -1"},
      {"{\"input_ids\":[1,-100]}", "has -100"},
      {"{\"input_ids\":[1,true]}", "has true"},
      {"{\"input_ids\":[1,1.5]}", "has 1.5"},
      {"{\"input_ids\":[1,\"x\"]}", "has \"x\""},
      {"{\"input_ids\":[1,999999]}", "has 999999"},
      {"{\"input_ids\":[1,2],\"labels\":[1]}", "\"labels\" has 1 members"},
      {"{\"input_ids\":[1,2],\"labels\":[1,-5]}", "has -5"},
      {"{\"prompt\":\"a\",\"completion\":\"b\"}", "a row of kind"},
      {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "a row of kind"},
      {"{\"input_ids\":[1,\"\xff\"]}", "UTF-8"},
      {"{\"input_ids\":[" + std::string(100000, '['), "nested"},
      {"{\"input_ids\":[1],\"x\":" + std::string(100000, '['), "nested"},
  };
  for (const auto& [line, why] : bad) {
    INFO(line.substr(0, 100));
    const auto result = given.read(good + line + "\n" + good);
    CHECK(refusal(result).find((given.directory / "rows.jsonl").string() + ": row 3: ") == 0);
    CHECK(refusal(result).find(why) != std::string::npos);
    CHECK((result || result.error().field == "row 3"));
  }
  CHECK(refusal(given.read("{\"prompt\":\"a\"}")).find("row 1: \"completion\" is missing") != std::string::npos);
  CHECK(refusal(given.read("{\"prompt\":\"a\",\"completion\":5}")).find("row 1: \"completion\" must be a string") != std::string::npos);
  CHECK(refusal(given.read("{}")).find("row 1: \"prompt\" is missing") != std::string::npos);
  for (const char* messages : {"[]", "5", "[1]", "null", "[{\"role\":\"user\"}]"})
    CHECK(refusal(given.read("{\"messages\":" + std::string(messages) + "}")).find("row 1: ") != std::string::npos);
  CHECK(refusal(given.read("{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}],\"tools\":5}")).find("tools is not a list") != std::string::npos);
  CHECK(refusal(read_file(given.directory / "nowhere.jsonl", given.tokenizer)).find("nowhere.jsonl") != std::string::npos);
  CHECK(refusal(read_file(given.directory.path(), given.tokenizer)).find("cannot be read") != std::string::npos);
}

TEST_CASE("a conversation of very many answers ends with an error, soon") {
  const Given given;
  std::string line = R"({"messages":[{"role":"user","content":"x"})";
  for (int i = 0; i < 10000; ++i) line += R"(,{"role":"assistant","content":"yyyyyyyy"})";
  CHECK(refusal(given.read(line + "]}")).find("too long") != std::string::npos);
}
