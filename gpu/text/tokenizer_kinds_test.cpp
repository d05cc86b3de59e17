// The models and normalisers of tokenizer.json come from somebody else, too: trees with loops, tables that end early, tokens without end.
#include <chrono>
#include <random>

#include "gpu/text/base64.hpp"
#include "gpu/text/charsmap.hpp"
#include "gpu/text/test_support.hpp"
#include "gpu/text/utf8.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

ordered_json unigram(ordered_json vocab) { return {{"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", std::move(vocab)}}}}; }

ordered_json pieces(const std::vector<std::pair<std::string, double>>& list) {
  auto vocab = ordered_json::array();
  for (const auto& [token, score] : list) vocab.push_back(ordered_json::array({token, score}));
  return unigram(vocab);
}

std::string refusal_of(const ordered_json& tokenizer) {
  const TemporaryDirectory directory;
  write_text(directory / "tokenizer.json", tokenizer.dump());
  const auto loaded = Tokenizer::load(directory.path());
  return loaded ? "loaded" : loaded.error().message;
}

void check_refused(const ordered_json& tokenizer, const std::string& why) {
  const auto message = refusal_of(tokenizer);
  INFO(message.substr(0, 300));
  CHECK(message.find("tokenizer.json: ") != std::string::npos);
  CHECK(message.find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("a model that cannot be is refused by its member") {
  check_refused(unigram(ordered_json::array({ordered_json::array({"a", "b"})})), "model.vocab[0]");
  check_refused(unigram(ordered_json::array({ordered_json::array({"a"})})), "model.vocab[0]");
  check_refused(unigram(5), "model.vocab");
  check_refused(unigram(ordered_json::array()), "unk_id");
  check_refused(pieces({{"a", 1}, {std::string(2000, 'a'), 1}}), "the token with the id 1");
  auto unknown = pieces({{"a", -1.5}});
  unknown["model"]["unk_id"] = -1;
  check_refused(unknown, "model.unk_id");
  const ordered_json negative = {{"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", {{"a", 0}}}, {"max_input_chars_per_word", -1}}}};
  check_refused(negative, "max_input_chars_per_word");
  check_refused({{"model", {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}}}}, "unk_token");
  check_refused({{"model", {{"type", "Words"}}}}, "BPE, Unigram, WordPiece and WordLevel");
  check_refused({{"model", 7}}, "model");
}

TEST_CASE("a word that nothing in the vocabulary fits is an error only where no unknown token is") {
  const TemporaryDirectory directory;
  auto tokenizer = pieces({{"a", -1}, {"b", -2}});
  CHECK(take(load_from(directory, tokenizer, ordered_json::object()).encode("axxb", false)) == std::vector<TokenId>{0, 1});  // "axx" is unknown
  tokenizer["model"]["unk_id"] = nullptr;
  const auto strict = load_from(directory, tokenizer, ordered_json::object());
  CHECK(!strict.encode("axb", false));
  CHECK(take(strict.encode("ab", false)) == std::vector<TokenId>{0, 1});
}

TEST_CASE("the best way through a long text is found in time and memory that its length bounds") {
  const TemporaryDirectory directory;
  std::vector<std::pair<std::string, double>> list = {{"<unk>", 0.0}};
  for (int i = 1; i <= 64; ++i) list.emplace_back(std::string(static_cast<std::size_t>(i), 'a'), -1.0 * i);
  const auto tokenizer = load_from(directory, pieces(list), ordered_json::object());
  const auto begin = std::chrono::steady_clock::now();
  CHECK(!take(tokenizer.encode(std::string(4 << 20, 'a'), false)).empty());
  CHECK(take(tokenizer.encode(std::string(4 << 20, 'z'), false)).size() == 1);  // unknown characters are one token
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("a charsmap with a size that is not its own, or a trie that leads nowhere, does no harm") {
  for (const std::string& bytes : {std::string(), std::string("\1\0", 2), std::string("\xff\xff\xff\xff", 4), std::string("\5\0\0\0abcde", 9), std::string("\4\0\0\0abcd\xff", 9)})
    CHECK(!Charsmap::read(bytes));
  std::mt19937 chance(1);
  std::string bytes(4 + 4096 + 64, '\0');
  for (int round = 0; round < 300; ++round) {
    bytes.replace(0, 4, std::string("\0\x10\0\0", 4));
    for (std::size_t i = 4; i < 4 + 4096; ++i) bytes[i] = static_cast<char>(chance());
    for (std::size_t i = 4 + 4096; i < bytes.size(); ++i) bytes[i] = i % 7 == 0 ? '\0' : 'x';
    const auto map = take(Charsmap::read(bytes));
    for (int i = 0; i < 50; ++i) {
      std::string text;
      append_utf8(text, 1 + chance() % 0xD000);
      append_utf8(text, 1 + chance() % 0x300);
      if (const auto found = map.find(text)) CHECK(!first_invalid_utf8(*found));
    }
  }
}

TEST_CASE("base64 is read as it was written, and nothing else is") {
  for (std::size_t size = 0; size < 20; ++size) {
    const std::string bytes(size, '\xFB');
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
  for (const char* text : {"a", "ab=", "a===", "ab!d", "=abc"}) CHECK(!from_base64(text));
}

TEST_CASE("damaged tokenizers of every kind end with a result or an error") {
  std::mt19937 chance(2);
  for (const char* name : {"bert-uncased", "xlm-r", "unigram-bytes", "wordlevel"}) {
    const auto whole = read_json(goldens / "tokenizers" / (std::string(name) + ".json"))["tokenizer"].dump();
    const TemporaryDirectory directory;
    for (int i = 0; i < 100; ++i) {
      auto bytes = whole;
      for (int k = 0; k < 3; ++k) bytes[chance() % bytes.size()] = static_cast<char>(32 + chance() % 90);
      write_text(directory / "tokenizer.json", bytes);
      if (const auto loaded = Tokenizer::load(directory.path()))
        if (const auto ids = loaded->encode("Hello ﬁ <s> w\xC3\xB6rld 12", true)) CHECK(!first_invalid_utf8(loaded->decode(*ids, false)));
    }
  }
}

TEST_CASE("a BERT directory with no more than its vocab.txt is read, and saved with a tokenizer.json") {
  const auto golden = read_json(goldens / "tokenizers/bert-uncased.json");
  std::vector<std::string> tokens;
  for (const auto& [token, id] : golden["tokenizer"]["model"]["vocab"].items()) {
    tokens.resize(std::max(tokens.size(), id.get<std::size_t>() + 1));
    tokens[id.get<std::size_t>()] = token;
  }
  std::string lines;
  for (const auto& token : tokens) lines += token + "\n";
  const TemporaryDirectory directory, copy;
  write_text(directory / "vocab.txt", lines);
  const auto tokenizer = take(Tokenizer::load(directory.path()));
  REQUIRE(tokenizer.save(copy.path()));
  const auto saved = take(Tokenizer::load(copy.path()));
  for (const char* text : {"The lantern's keeper counted 12 ships.", "Größte ÜBUNG 你好", "[MASK] zzzz\n"}) {
    const auto ids = take(tokenizer.encode(text, true));
    CHECK(ids.front() == 2);
    CHECK(ids.back() == 3);
    CHECK(take(saved.encode(text, true)) == ids);
  }
  CHECK(take(tokenizer.encode("The lantern", true)) == take(tokenizer.encode("the LANTERN", true)));
  write_text(directory / "tokenizer_config.json", R"({"do_lower_case": false})");
  CHECK(take(take(Tokenizer::load(directory.path())).encode("the", true)) != take(take(Tokenizer::load(directory.path())).encode("THE", true)));
  for (const char* config : {R"({"tokenizer_class": "EsmTokenizer"})", R"({"unk_token": "<none>"})", R"({"do_lower_case": 5})", "[]"}) {
    write_text(directory / "tokenizer_config.json", config);
    const auto loaded = Tokenizer::load(directory.path());
    CHECK((loaded ? "loaded" : loaded.error().message).find("vocab.txt") != std::string::npos);
  }
}
