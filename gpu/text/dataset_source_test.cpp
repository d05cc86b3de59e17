// Datasets on disk: found by name, looked through once, read again, however many files and rows there are.
#include "gpu/text/dataset_source.hpp"

#include <algorithm>
#include <numeric>

#include "events/base/sha256.hpp"
#include "gpu/text/dataset_files.hpp"
#include "gpu/text/test_support.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

struct Given {
  TemporaryDirectory directory;
  Tokenizer tokenizer = take(Tokenizer::load(tiny));

  std::filesystem::path file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((directory / name).parent_path());
    return write_text(directory / name, text);
  }
  Result<RowSource> open(const std::vector<std::filesystem::path>& files, const DatasetOptions& options = {}) const {
    return RowSource::open(files, tokenizer, options);
  }
};

std::string row(int i) { return "{\"prompt\": \"question " + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 50, 'x') + "\", \"completion\": \"answer " + std::to_string(i) + "\"}\n"; }

std::string rows(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += row(i);
  return text;
}

template <class T>
std::string refusal(const Result<T>& result) { return result ? "not refused" : result.error().message; }

std::vector<std::string> names(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back(file.parent_path().filename().string() + "/" + file.filename().string());
  return names;
}

}  // namespace

TEST_CASE("rows are read again in any order as they were the first time, and know their places") {
  const Given given;
  const auto file = given.file("rows.jsonl", "\n" + rows(0, 700) + "\n\n" + rows(700, 1500) + R"({"prompt": "the last", "completion": "without a newline"})");
  auto source = take(given.open({file}));
  REQUIRE(source.size() == 1501);
  CHECK(source.summary().rows_read == 1501);
  CHECK(source.digest() == take(sha256_file(file)));
  CHECK(source.kind() == RowKind::text);
  CHECK(source.at(0).line == 2);
  CHECK(source.at(700).line == 704);
  CHECK(source.place(1500) == file.string() + ": row 1504");
  RowReader reader(given.tokenizer, {});
  std::vector<std::size_t> order(1500);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::reverse(order.begin(), order.end());
  const auto read = take(source.read(order));
  std::int64_t tokens = source.length(1500), supervised = source.supervised(1500);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto expected = take(reader.read(row(static_cast<int>(order[i]))));
    REQUIRE(read[i].parts.size() == 1);
    REQUIRE(read[i].parts[0].ids == expected.parts[0].ids);
    REQUIRE(read[i].parts[0].labels == expected.parts[0].labels);
    CHECK(source.length(order[i]) == expected.tokens());
    CHECK(source.supervised(order[i]) == expected.supervised());
    tokens += expected.tokens(), supervised += expected.supervised();
  }
  CHECK(source.summary().tokens == tokens);
  CHECK(source.summary().supervised_tokens == supervised);
}

TEST_CASE("many rows go over into a temporary file, and are the same from there") {
  const Given given;
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "{\"input_ids\":[1," + std::to_string(i % 250) + "]}\n";  // 32 bytes are kept of each, a megabyte in memory
  const auto scratch = given.directory / "scratch";
  std::filesystem::create_directory(scratch);
  auto source = take(given.open({given.file("rows.jsonl", text)}, {.scratch = scratch}));
  REQUIRE(source.size() == 40'000);
  for (const std::size_t at : {0, 1, 32'767, 32'768, 39'999}) {
    CHECK(source.at(at).line == at + 1);
    CHECK(take(source.read(at)).parts[0].ids == std::vector<TokenId>{1, static_cast<TokenId>(at % 250)});
  }
  CHECK(std::filesystem::is_empty(scratch));  // the file has no name
  const auto moved = std::move(source);
  CHECK(moved.at(39'999).line == 40'000);
  CHECK(refusal(given.open({given.directory / "rows.jsonl"}, {.scratch = given.directory / "nowhere"})).find("nowhere") != std::string::npos);
}

TEST_CASE("the first bad row is named whatever the threads do, and so is a line that is too long") {
  const Given given;
  const auto text = rows(0, 3000) + "{\"prompt\": 5}\n" + rows(0, 10) + "nonsense\n" + rows(0, 10);
  CHECK(refusal(given.open({given.file("rows.jsonl", text)})).find("rows.jsonl: row 3001: \"prompt\" must be a string") != std::string::npos);
  const auto long_line = "{\"prompt\": \"" + std::string(row_bytes_max, 'a') + "\"}\n";
  CHECK(refusal(given.open({given.file("rows.jsonl", rows(0, 2) + long_line)})).find("row 3: longer than 16 MiB") != std::string::npos);
  CHECK(refusal(given.open({given.file("rows.jsonl", rows(0, 2) + "x\n" + long_line)})).find("row 3: ") != std::string::npos);
  const auto mixed = rows(0, 5) + "{\"input_ids\": [1]}\n";
  CHECK(refusal(given.open({given.file("rows.jsonl", mixed)})).find("row 6: a row of kind \"input_ids\" in a file of \"prompt\" rows") != std::string::npos);
}

TEST_CASE("a file that was changed is noticed when a row is read again") {
  const Given given;
  const auto file = given.file("rows.jsonl", rows(0, 10));
  auto source = take(given.open({file}));
  std::string text = read_bytes(file);
  text[text.find("answer 3")] = 'A';
  write_text(file, text);
  CHECK(take(source.read(2)).parts.size() == 1);
  const auto changed = source.read(3);
  CHECK(refusal(changed).find("rows.jsonl: row 4: the file was changed") != std::string::npos);
  CHECK((changed || changed.error().code == ErrorCode::conflict));
  write_text(file, "");
  CHECK(refusal(source.read(2)).find("the file was changed") != std::string::npos);
}

TEST_CASE("files of a directory are trained on by their names, one after the other") {
  const Given given;
  for (const char* name : {"training_b.jsonl", "train-a.json", "train/z.jsonl", "training/y.jsonl", "train/deeper/no.jsonl", "validation.jsonl", "val/v.json", "dev1.jsonl",
                           "other.jsonl", "train.txt"})
    given.file(std::string("data/") + name, rows(0, 3));
  const auto found = take(find_dataset(given.directory / "data"));
  CHECK(names(found.training) == std::vector<std::string>{"train/z.jsonl", "data/train-a.json", "training/y.jsonl", "data/training_b.jsonl"});
  CHECK(names(found.validation) == std::vector<std::string>{"data/dev1.jsonl", "val/v.json", "data/validation.jsonl"});
  given.file("plain/b.jsonl", "");
  given.file("plain/a.jsonl", "");
  given.file("plain/c.json", "");
  CHECK(names(take(find_dataset(given.directory / "plain")).training) == std::vector<std::string>{"plain/a.jsonl", "plain/b.jsonl"});
  CHECK(take(find_dataset(given.directory / "one.jsonl")).training == std::vector<std::filesystem::path>{given.directory / "one.jsonl"});
  given.file("none/validation.jsonl", "");
  for (const char* name : {"none", "data/train/deeper"}) {
    const auto files = find_dataset(given.directory / name);
    if (std::string(name) == "none") CHECK(refusal(files).find("has no training files") != std::string::npos);
    else CHECK(names(take(files).training) == std::vector<std::string>{"deeper/no.jsonl"});
  }
}

TEST_CASE("several files are one dataset, and each row knows its own") {
  const Given given;
  const auto a = given.file("a.jsonl", rows(0, 5)), empty = given.file("empty.jsonl", ""), b = given.file("b.jsonl", "\n" + rows(5, 7));
  auto source = take(given.open({a, empty, b}));
  REQUIRE(source.size() == 7);
  CHECK(source.place(4) == a.string() + ": row 5");
  CHECK(source.place(5) == b.string() + ": row 2");
  RowReader reader(given.tokenizer, {});
  const std::vector<std::size_t> order{6, 0, 5, 4};
  const auto read = take(source.read(order));
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(read[i].parts[0].ids == take(reader.read(row(static_cast<int>(order[i])))).parts[0].ids);
  const auto line = [](const std::filesystem::path& file) { return file.filename().string() + " " + take(sha256_file(file)) + "\n"; };
  CHECK(source.digest() == sha256_hex(line(a) + line(empty) + line(b)));
  given.file("c.jsonl", row(1) + "{}\n");
  CHECK(refusal(given.open({a, given.directory / "c.jsonl"})).find("c.jsonl: row 2: \"prompt\" is missing") != std::string::npos);
}

TEST_CASE("the reading tells how far it is, and ends when somebody asks for that") {
  const Given given;
  const auto file = given.file("rows.jsonl", rows(0, 20'000));
  std::vector<ReadingProgress> told;
  take(given.open({file}, {.progress = [&](const ReadingProgress& now) { told.push_back(now); }}));
  REQUIRE(told.size() >= 3);
  CHECK(told.back().bytes_read == std::filesystem::file_size(file));
  CHECK(told.back().bytes_total == told.back().bytes_read);
  CHECK(told.back().rows == 20'000);
  CHECK(std::is_sorted(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.rows < b.rows; }));
  const auto cancelled = given.open({file}, {.is_cancelled = [asked = 0]() mutable { return ++asked == 2; }});
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == ErrorCode::cancelled);
}

TEST_CASE("what is no file is refused") {
  const Given given;
  CHECK(refusal(given.open({given.directory.path()})).find("cannot be read") != std::string::npos);
  CHECK(refusal(given.open({"/dev/zero"})).find("no regular file") != std::string::npos);
  CHECK(refusal(given.open({given.directory / "nowhere"})).find("nowhere cannot be read") != std::string::npos);
  CHECK(take(given.open({given.file("empty.jsonl", "\n \n")})).size() == 0);
}
