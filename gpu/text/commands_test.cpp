// The command line's verbs for text, through their streams.
#include "gpu/text/commands.hpp"

#include <sstream>

#include "gpu/text/chat.hpp"
#include "gpu/text/test_support.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

struct Outcome {
  int code;
  std::string out, err;
};

template <class Options>
Outcome run(int (*verb)(const Options&, std::istream&, std::ostream&, std::ostream&), const Options& options, const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out, err;
  const int code = verb(options, in, out, err);
  return {code, out.str(), err.str()};
}

// One line that names what is wrong.
void check_refused(const Outcome& outcome, const std::string& named) {
  INFO(outcome.err);
  CHECK(outcome.code == 2);
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  CHECK(outcome.err.find(named) != std::string::npos);
}

std::vector<ordered_json> lines_of(const Outcome& outcome) {
  CHECK(outcome.err.empty());
  std::vector<ordered_json> lines;
  std::istringstream in(outcome.out);
  for (std::string line; std::getline(in, line);) lines.push_back(ordered_json::parse(line));
  return lines;
}

const std::string good = R"({"messages":[{"role":"user","content":"é"}],"add_generation_prompt":true})";

}  // namespace

TEST_CASE("tokenize gives a line of ids for each line of text or JSON, and detokenize the texts again") {
  const TemporaryDirectory directory;
  const auto tokenizer = load_golden(directory, "sentencepiece");
  const auto cases = read_json(goldens / "tokenizers/sentencepiece.json")["cases"].get<std::vector<ordered_json>>();
  std::string plain, quoted, ids;
  std::vector<ordered_json> special, bare, of_quoted, decoded, skipped;
  const auto texts = read_json(goldens / "texts.json")["texts"].get<std::vector<std::string>>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto wanted = cases[i].value("special", cases[i]["ids"]);
    quoted += ordered_json(texts[i]).dump() + "\n";
    of_quoted.push_back(wanted);
    ids += wanted.dump() + "\n";
    decoded.push_back(cases[i].value("decoded", texts[i]));
    skipped.push_back(cases[i].value("skipped", decoded.back()));
    if (texts[i].find('\n') != std::string::npos) continue;
    plain += texts[i] + "\n";
    special.push_back(wanted);
    bare.push_back(cases[i]["ids"]);
  }
  const auto& model = directory.path();
  CHECK(lines_of(run(tokenize, TokenizeOptions{.model = model}, plain)) == special);
  CHECK(lines_of(run(tokenize, TokenizeOptions{.model = model, .no_special = true}, plain)) == bare);
  CHECK(lines_of(run(tokenize, TokenizeOptions{.model = model, .json = true}, quoted)) == of_quoted);
  CHECK(lines_of(run(detokenize, DetokenizeOptions{.model = model}, ids)) == decoded);
  CHECK(lines_of(run(detokenize, DetokenizeOptions{.model = model, .skip_special = true}, ids)) == skipped);
  const auto streamed = lines_of(run(detokenize, DetokenizeOptions{.model = model, .stream = true}, ids));
  REQUIRE(streamed.size() == decoded.size());
  for (std::size_t i = 0; i < streamed.size(); ++i) {
    std::string whole;
    for (const auto& piece : streamed[i]) whole += piece.get<std::string>();
    CHECK(streamed[i].size() == of_quoted[i].size());
    if (!streamed[i].empty()) CHECK(whole == decoded[i].get<std::string>());
  }
}

TEST_CASE("an input without lines gives none, and the last line needs no end") {
  CHECK(run(tokenize, TokenizeOptions{.model = tiny}, "").out.empty());
  CHECK(lines_of(run(tokenize, TokenizeOptions{.model = tiny}, "\n\na")).size() == 3);
  CHECK(lines_of(run(detokenize, DetokenizeOptions{.model = tiny, .stream = true}, "[]\n[5]")).size() == 2);
}

TEST_CASE("tokenize --chat goes on behind a line that fails") {
  const auto input = good + "\nnonsense\n\n{}\n" + R"({"messages":[{"role":"user","content":"x"}],"chat_template":"{{ raise_exception('no way') }}"})" + "\n" +
                     std::string((16 << 20) + 1, ' ') + "\n" + good;
  const auto tokenizer = take(Tokenizer::load(tiny));
  const auto text = take(render_chat(tokenizer, ordered_json::parse(good))).text;
  for (const bool render : {false, true}) {
    const auto outcome = run(tokenize, TokenizeOptions{.model = tiny, .chat = true, .render = render}, input);
    CHECK(outcome.code == 1);
    const auto lines = lines_of(outcome);
    REQUIRE(lines.size() == 7);
    for (const std::size_t i : {0, 6}) CHECK(lines[i] == (render ? ordered_json(text) : ordered_json(take(tokenizer.encode(text, false)))));
    const char* why[] = {"", "JSON", "JSON", "messages is missing", "no way", "16 MiB"};
    for (std::size_t i = 1; i < 6; ++i) CHECK(lines[i]["error"].get<std::string>().find(why[i]) != std::string::npos);
  }
  CHECK(run(tokenize, TokenizeOptions{.model = tiny, .chat = true}, good).code == 0);
}

TEST_CASE("what tokenize and detokenize cannot read is refused by its line") {
  const TokenizeOptions plain{.model = tiny}, quoted{.model = tiny, .json = true};
  check_refused(run(tokenize, plain, "a\n\xff\n"), "line 2");
  check_refused(run(tokenize, plain, "a\n" + std::string((16 << 20) + 1, 'a')), "line 2");
  for (const char* line : {"", "5", "[\"a\"]", "\"a", "\"\\ud800\"", "\"\xff\"", "\"a\" 5"}) check_refused(run(tokenize, quoted, "\"a\"\n" + std::string(line) + "\n"), "line 2");
  for (const char* line : {"", "5", "[-1]", "[1.5]", "[1,\"a\"]", "[true]", "[4294967296]", "[99999999999999999999]", "[[1]]", "[1", "{}"})
    check_refused(run(detokenize, DetokenizeOptions{.model = tiny}, "[1]\n" + std::string(line) + "\n"), "line 2");
  check_refused(run(detokenize, DetokenizeOptions{.model = tiny}, std::string(1000000, '[')), "line 1");
  check_refused(run(tokenize, TokenizeOptions{.model = "nowhere"}, "a"), "nowhere");
  check_refused(run(detokenize, DetokenizeOptions{.model = "nowhere.gguf"}, "[1]"), "nowhere.gguf");
  check_refused(run(tokenize, TokenizeOptions{.model = tiny, .render = true}, "a"), "--render");
  check_refused(run(tokenize, TokenizeOptions{.model = tiny, .json = true, .chat = true}, "a"), "--json");
}
