// Templates in the manner of every family, as transformers renders them; see tests/golden/make_template_goldens.py.
#include "gpu/text/chat_renderer.hpp"
#include "gpu/text/test_support.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

const std::filesystem::path directory = goldens / ".." / "templates";

std::string fnv(std::string_view text) {
  std::uint64_t value = 0xCBF29CE484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016lx", static_cast<unsigned long>(value));
  return digits;
}

Result<Rendered> rendered(const Tokenizer& tokenizer, const std::string& source, ordered_json request) {
  request["chat_template"] = source;
  return render_chat(tokenizer, request);
}

}  // namespace

TEST_CASE("conversations come out of each family's template as transformers has them") {
  const auto tokenizer = take(Tokenizer::load(tiny));
  const auto golden = read_json(directory / "cases.json");
  const auto& conversations = golden["conversations"];
  REQUIRE(conversations.size() >= 60);
  for (const auto& wanted : golden["cases"]) {
    const auto name = wanted["template"].get<std::string>();
    const auto source = read_bytes(directory / "sources" / (name + ".jinja"));
    for (std::size_t i = 0; i < conversations.size(); ++i) {
      INFO(name << ", conversation " << i << ": " << conversations[i]);
      const auto got = rendered(tokenizer, source, conversations[i]);
      const auto& hash = wanted["hashes"][i];
      if (hash.is_null()) {
        CHECK((got ? got->text : "refused") == "refused");
        continue;
      }
      const std::string text = got ? got->text : got.error().message;
      if (const auto whole = wanted["texts"].find(std::to_string(i)); whole != wanted["texts"].end()) CHECK(text == whole->get<std::string>());
      CHECK(fnv(text) == hash.get<std::string>());
    }
  }
}

TEST_CASE("the tokens inside generation blocks are those that transformers masks as the assistant's") {
  const auto tokenizer = take(Tokenizer::load(tiny));
  const auto golden = read_json(directory / "cases.json");
  std::size_t judged = 0;
  for (const auto& wanted : golden["cases"]) {
    const auto source = read_bytes(directory / "sources" / (wanted["template"].get<std::string>() + ".jinja"));
    const auto masks = wanted.find("masks");
    if (masks == wanted.end()) continue;
    for (const auto& [at, mask] : masks->items()) {
      INFO(wanted["template"] << " " << at);
      const auto got = take(rendered(tokenizer, source, golden["conversations"][std::stoul(at)]));
      ordered_json ids = ordered_json::array(), inside = ordered_json::array();
      for (const auto& token : take(tokenizer.encode_placed(got.text, false))) {
        const auto holds = [&](const auto& range) { return token.begin < range.second && token.end > range.first; };
        ids.push_back(token.id);
        inside.push_back(std::any_of(got.generated.begin(), got.generated.end(), holds) ? 1 : 0);
      }
      CHECK(ids == mask["ids"]);
      CHECK(inside == mask["mask"]);
      ++judged;
    }
  }
  CHECK(judged > 20);
}
