// The tokenizer in a GGUF file, judged by the real SmolLM2 when LUTHIER_SMOLLM2_GGUF names it.
#include <cstdlib>
#include <random>

#include "gpu/text/chat.hpp"
#include "gpu/text/test_support.hpp"
#include "gpu/text/utf8.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

TEST_CASE("SmolLM2's GGUF file has the tokenizer that its authors published") {
  const char* file = std::getenv("LUTHIER_SMOLLM2_GGUF");
  if (file == nullptr) return;
  const auto tokenizer = take(Tokenizer::load(file));
  const ordered_json request = {{"messages", {{{"role", "user"}, {"content", "What is the capital of France?"}}}}, {"add_generation_prompt", true}};
  const auto prompt = take(render_chat(tokenizer, request)).text;
  const std::vector<TokenId> wanted = {1,   9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308,  34519, 28, 7018, 411, 407, 19712, 8182,
                                       2,   198,  1,   4093, 198, 1780, 314, 260,  3575,  282,  4649, 47,   2,     198, 1,   520, 9531, 198};
  CHECK(take(tokenizer.encode(prompt, false)) == wanted);
  CHECK(take(tokenizer.encode(prompt, true)) == wanted);
  CHECK(tokenizer.decode(wanted, false) == prompt);
  CHECK(tokenizer.vocab_size() == 49152);
  CHECK(tokenizer.bos() == 1);
  CHECK(tokenizer.eos() == 2);

  // Saved as a directory it is the same tokenizer.
  const TemporaryDirectory directory;
  REQUIRE(tokenizer.save(directory.path()));
  const auto saved = take(Tokenizer::load(directory.path()));
  CHECK(saved.chat_template() == tokenizer.chat_template());
  for (const std::string& text : read_json(goldens / "texts.json")["texts"].get<std::vector<std::string>>()) {
    const auto ids = take(tokenizer.encode(text, true));
    INFO(text);
    CHECK(take(saved.encode(text, true)) == ids);
    CHECK(tokenizer.decode(ids, false) == text);
    CHECK(saved.decode(ids, true) == tokenizer.decode(ids, true));
  }
}

TEST_CASE("the vocabularies llama, bert and t5 of GGUF files are read, and saved for Hugging Face's libraries") {
  const auto texts = read_json(goldens / "texts.json")["texts"].get<std::vector<std::string>>();
  for (const std::string name : {"llama", "bert", "t5"}) {
    const auto golden = read_json(goldens / "gguf" / (name + ".json"));
    const auto tokenizer = take(Tokenizer::load(goldens / "gguf" / (name + ".gguf")));
    const TemporaryDirectory directory;
    REQUIRE(tokenizer.save(directory.path()));
    const auto saved = take(Tokenizer::load(directory.path()));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      INFO(name << ": " << texts[i]);
      const auto wanted = golden["cases"][i]["ids"].get<std::vector<TokenId>>();
      CHECK(take(tokenizer.encode(texts[i], true)) == wanted);
      CHECK(take(saved.encode(texts[i], true)) == wanted);
      CHECK(tokenizer.decode(wanted, false) == golden["cases"][i]["decoded"]);
      CHECK(saved.decode(wanted, false) == golden["cases"][i]["decoded"]);
    }
  }
}

TEST_CASE("a damaged GGUF tokenizer is refused by name, or works") {
  std::mt19937 chance(3);
  for (const char* name : {"llama.gguf", "bert.gguf", "t5.gguf"}) {
    const auto whole = read_bytes(goldens / "gguf" / name);
    const TemporaryDirectory directory;
    int refused = 0;
    for (int i = 0; i < 200; ++i) {
      auto bytes = whole;
      for (int k = 0; k < 4; ++k) bytes[chance() % bytes.size()] = static_cast<char>(chance());
      const auto loaded = Tokenizer::load(write_text(directory / name, bytes));
      if (!loaded) {
        ++refused;
        CHECK(loaded.error().message.find(name) != std::string::npos);
      } else if (const auto ids = loaded->encode("Hello ﬁ \u4f60 w\xC3\xB6rld <s> 12", true)) {
        CHECK(!first_invalid_utf8(loaded->decode(*ids, false)));
      }
    }
    CHECK(refused > 0);
  }
}

TEST_CASE("a GGUF file without a tokenizer is refused by name") {
  const auto loaded = Tokenizer::load("tests/golden/checkpoint/mixed.gguf");
  CHECK((loaded ? "loaded" : loaded.error().message).find("mixed.gguf") != std::string::npos);
}
