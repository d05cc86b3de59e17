// Ids and decoded text as Hugging Face's tokenizers gives them; see tests/golden/make_text_goldens.py.
#include "gpu/text/test_support.hpp"
#include "gpu/text/utf8.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;
using Ids = std::vector<TokenId>;

namespace {

std::string joined(const Ids& ids) { return ordered_json(ids).dump(); }

// Every piece is whole characters, and all of them are the decoded text.
void check_stream(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamDecoder stream(tokenizer, skip_special);
  std::string whole;
  bool cut = false;
  for (const auto id : ids) {
    const auto piece = stream.push(id);
    cut = cut || first_invalid_utf8(piece).has_value();
    whole += piece;
  }
  whole += stream.finish();
  CHECK(!cut);
  CHECK(whole == tokenizer.decode(ids, skip_special));
}

void check_decoded(const Tokenizer& tokenizer, const Ids& ids, const std::string& decoded, const std::string& skipped) {
  CHECK(tokenizer.decode(ids, false) == decoded);
  CHECK(tokenizer.decode(ids, true) == skipped);
  check_stream(tokenizer, ids, false);
  check_stream(tokenizer, ids, true);
}

// What was put around the text has no place in it; the rest stands in order and on whole characters.
void check_places(const Tokenizer& tokenizer, const std::string& text) {
  std::uint32_t begin = 0;
  bool good = true;
  for (const auto& token : take(tokenizer.encode_placed(text, true))) {
    const auto is_start = [&](std::uint32_t at) { return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80; };
    good = good && token.begin >= begin && token.begin <= token.end && token.end <= text.size() && is_start(token.begin) && is_start(token.end);
    begin = token.begin;
  }
  CHECK(good);
}

void check_case(const Tokenizer& tokenizer, const std::string& text, const ordered_json& wanted, bool with_decoding = true) {
  INFO("text: " << ordered_json(text).dump());
  const auto special = wanted.value("special", wanted["ids"]).get<Ids>();
  CHECK(joined(take(tokenizer.encode(text, false))) == joined(wanted["ids"]));
  CHECK(joined(take(tokenizer.encode(text, true))) == joined(special));
  check_places(tokenizer, text);
  if (!with_decoding) return;
  const auto decoded = wanted.value("decoded", text);
  check_decoded(tokenizer, special, decoded, wanted.value("skipped", decoded));
}

void check_any(const Tokenizer& tokenizer, const ordered_json& lists) {
  for (const auto& any : lists) {
    INFO("ids: " << any["ids"]);
    check_decoded(tokenizer, any["ids"], any["decoded"], any["skipped"]);
  }
}

const ordered_json& texts() {
  static const auto golden = read_json(goldens / "texts.json");
  return golden["texts"];
}

}  // namespace

TEST_CASE("each kind of tokenizer encodes and decodes as its library does") {
  for (const char* name : {"gpt2", "gpt2-prefix", "smollm", "llama3", "qwen2", "o200k", "sentencepiece", "metaspace", "clip", "pieces", "bert-uncased", "bert-cased",
                           "xlm-r", "unigram-bytes", "wordlevel", "llama-tiny"}) {
    INFO(name);
    const auto golden = read_json(goldens / "tokenizers" / (std::string(name) + ".json"));
    const TemporaryDirectory directory;
    const auto tokenizer = load_golden(directory, name);
    for (std::size_t i = 0; i < texts().size(); ++i) check_case(tokenizer, texts()[i], golden["cases"][i]);
    check_any(tokenizer, golden["any"]);
  }
}

TEST_CASE("each normaliser, pre-tokenizer, decoder and post-processor does what its library's does") {
  const auto golden = read_json(goldens / "tokenizers/variants.json");
  for (const auto& variant : golden["variants"]) {
    INFO(variant["name"]);
    auto changed = golden["tokenizer"];
    changed.merge_patch(variant["patch"]);
    const TemporaryDirectory directory;
    const auto tokenizer = load_from(directory, changed, golden["config"]);
    const bool with_decoding = variant["name"].get<std::string>().starts_with("dec");
    for (std::size_t i = 0; i < variant["cases"].size(); ++i) check_case(tokenizer, texts()[2 * i], variant["cases"][i], with_decoding);
    check_any(tokenizer, variant["any"]);
  }
}

TEST_CASE("add_bos_token and its like count as in transformers, which is for nothing beside a tokenizer.json") {
  const auto golden = read_json(goldens / "tokenizers/configs.json");
  const auto base = read_json(goldens / "tokenizers" / (golden["tokenizer"].get<std::string>() + ".json"));
  for (const auto& each : golden["configs"]) {
    const auto &config = each["config"], &cases = each["cases"];
    INFO(config);
    const TemporaryDirectory directory;
    const auto tokenizer = load_from(directory, base["tokenizer"], config);
    for (std::size_t i = 0; i < cases.size(); ++i) check_case(tokenizer, texts()[9 + 3 * i], cases[i]);
    CHECK(tokenizer.adds_bos() == (cases[0].value("special", cases[0]["ids"])[0] == 1));
  }
}
