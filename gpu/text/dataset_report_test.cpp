// What `luthier check-data` says of a dataset.
#include "gpu/text/dataset_report.hpp"

#include <sstream>

#include "gpu/text/dataset_command.hpp"
#include "gpu/text/test_support.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

struct Given {
  TemporaryDirectory directory;
  std::filesystem::path file;

  explicit Given(const std::string& text) : file(write_text(directory / "rows.jsonl", text)) {}

  struct Said {
    int code;
    std::string out, err;
  };
  Said check(CheckDataOptions options) const {
    options.model = tiny;
    if (options.data.empty()) options.data = file;
    std::ostringstream out, err;
    const int code = check_data(options, out, err);
    return {code, out.str(), err.str()};
  }
};

const std::string ids_rows = R"({"input_ids":[1,5,6,7,8,9]}
{"input_ids":[1,5,6],"labels":[-100,-100,-100]}
{"input_ids":[1,5,6],"id":1}

{"input_ids":[1,5,6,7],"labels":[-100,-100,6,7]}
{"id":2,"input_ids":[1,5,6]}
{"input_ids":[1,5,6,7,10]}
{"input_ids":[]}
)";

}  // namespace

TEST_CASE("rows that are cut, that repeat others and that teach nothing are counted and named") {
  const Given given(ids_rows);
  const auto said = given.check({.max_seq_length = 4, .json = true});
  CHECK(said.code == 0);
  const auto report = ordered_json::parse(said.out);
  CHECK(report["file"] == given.file.string());
  CHECK(report["kind"] == "input_ids");
  CHECK(report["rows"] == 7);
  CHECK(report["rows_left_out"] == 2);
  CHECK(report["tokens"] == 4 + 3 + 4 + 3 + 4);
  CHECK(report["supervised_tokens"] == 3 + 2 + 2 + 2 + 3);
  CHECK(report["tokens_cut"] == 2 + 1);
  CHECK(report["longest"] == 4);
  CHECK(report["lengths"] == ordered_json::parse(R"([{"from":0,"to":1,"rows":1},{"from":2,"to":3,"rows":3},{"from":4,"to":7,"rows":3}])"));
  const auto place = [&](int row) { return ordered_json{{"file", given.file.string()}, {"row", row}}; };
  CHECK(report["truncated"] == ordered_json{{"count", 2}, {"first", {place(1), place(7)}}});
  CHECK(report["untrained"] == ordered_json{{"count", 2}, {"first", {place(2), place(8)}}});
  auto repeated = place(6);
  repeated["same_as"] = place(3);
  // Row 7 is cut to the ids of row 1, and of row 5 other labels are learnt.
  auto cut = place(7);
  cut["same_as"] = place(1);
  CHECK(report["duplicates"] == ordered_json{{"count", 2}, {"first", {repeated, cut}}});
}

TEST_CASE("people see a histogram, row numbers and what is trained") {
  const Given given(ids_rows);
  const auto said = given.check({.max_seq_length = 4});
  CHECK(said.out.find("7 rows of the kind input_ids, 18 tokens, 12 trained\n") != std::string::npos);
  CHECK(said.out.find("       2 –        3           3  ████████████████████████████████████████\n") != std::string::npos);
  CHECK(said.out.find("truncated: 2 (rows 1 and 7)\n") != std::string::npos);
  CHECK(said.out.find("left out: 2 (rows 2 and 8)\n") != std::string::npos);
  CHECK(said.out.find("the same as an earlier row: 2 (rows 6 and 7)\n") != std::string::npos);
  const Given talk("{\"prompt\": \"one two\\u001b[2J\", \"completion\": \"three four\"}\n");
  const auto plain = talk.check({}).out, coloured = talk.check({.coloured = true}).out;
  CHECK(plain.find("one two?[2J") != std::string::npos);  // a row steers no terminal
  CHECK(plain.find("⟦") != std::string::npos);
  CHECK(plain.find("⟧\n") != std::string::npos);
  CHECK(coloured.find("\033[32m") != std::string::npos);
  CHECK(coloured.find("⟦") == std::string::npos);
}

TEST_CASE("the sample's pieces joined are the row, and say what is learnt") {
  const Given given(R"({"messages":[{"role":"user","content":"größe 😀?"},{"role":"assistant","content":"é 🧑🏽‍🚀 yes"}]})");
  const auto tokenizer = take(Tokenizer::load(tiny));
  auto source = take(RowSource::open({given.file}, tokenizer, {}));
  const auto row = take(source.read(0)).parts[0];
  std::string text;
  std::vector<TokenId> learnt;
  for (const auto id : row.labels)
    if (id >= 0) learnt.push_back(id);
  std::string answer;
  for (const auto& piece : take(sample_of(source, tokenizer))) {
    text += piece.text;
    if (piece.learnt) answer += piece.text;
    CHECK_FALSE(piece.shortened);
  }
  CHECK(text == tokenizer.decode(row.ids, false));
  CHECK(answer == tokenizer.decode(learnt, false));
  CHECK(answer.find("🧑🏽‍🚀") != std::string::npos);
}

TEST_CASE("twenty rows of a sort are named, the first ones, however many there are") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "{\"input_ids\":[1," + std::to_string(i % 100) + "]}\n";
  const Given given(text);
  const auto report = ordered_json::parse(given.check({.json = true}).out);
  CHECK(report["duplicates"]["count"] == 2900);
  REQUIRE(report["duplicates"]["first"].size() == 20);
  for (int i = 0; i < 20; ++i) {
    CHECK(report["duplicates"]["first"][static_cast<std::size_t>(i)]["row"] == 101 + i);
    CHECK(report["duplicates"]["first"][static_cast<std::size_t>(i)]["same_as"]["row"] == 1 + i);
  }
  CHECK(given.check({}).out.find("119, 120 …)") != std::string::npos);
}

TEST_CASE("the rows themselves can be asked for") {
  const Given given(ids_rows);
  std::istringstream lines(given.check({.max_seq_length = 4, .rows = true}).out);
  std::vector<int> numbers;
  for (std::string line; std::getline(lines, line);) {
    const auto row = ordered_json::parse(line);
    numbers.push_back(row["row"]);
    if (row["row"] == 5) CHECK(row["parts"] == ordered_json::parse(R"([{"input_ids":[1,5,6,7],"labels":[-100,-100,6,7]}])"));
  }
  CHECK(numbers == std::vector<int>{1, 3, 5, 6, 7});
}

TEST_CASE("a directory has a report on training and one on validation rows; what is bad has one line") {
  const Given given("");
  const auto data = given.directory / "data";
  std::filesystem::create_directory(data);
  write_text(data / "training-1.jsonl", "{\"input_ids\":[1,2]}\n");
  write_text(data / "training-2.jsonl", "{\"input_ids\":[1,2]}\n");
  write_text(data / "validation.jsonl", "{\"input_ids\":[1,3]}\n");
  std::istringstream lines(given.check({.data = data, .json = true}).out);
  std::string training, validation, end;
  std::getline(lines, training), std::getline(lines, validation);
  CHECK(ordered_json::parse(training)["files"].size() == 2);
  CHECK(ordered_json::parse(training)["duplicates"]["count"] == 1);
  CHECK(ordered_json::parse(validation)["file"] == (data / "validation.jsonl").string());
  CHECK_FALSE(std::getline(lines, end));
  const auto text = given.check({.data = data}).out;
  CHECK(text.find("the same as an earlier row: 1 (row 1 of training-2.jsonl)") != std::string::npos);

  for (const auto& [bad, why] : {std::pair<std::string, std::string>{"{\"input_ids\":[1,2]}\n\n{\"input_ids\":[1,-2]}\n", "rows.jsonl: row 3: \"input_ids\" has -2"}, {"\n", "there are no rows"}}) {
    const auto said = Given(bad).check({});
    CHECK(said.code == 2);
    CHECK(said.out.empty());
    CHECK(said.err.find(why) != std::string::npos);
    CHECK(std::count(said.err.begin(), said.err.end(), '\n') == 1);
  }
}
