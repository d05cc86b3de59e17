// Templates and conversations as transformers renders them; see tests/golden/make_text_goldens.py.
#include "gpu/text/chat.hpp"

#include "gpu/text/test_support.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

TEST_CASE("a template gives what Jinja gives, or is refused where Jinja refuses it") {
  const auto golden = read_json(goldens / "snippets.json");
  for (const auto& wanted : golden["cases"]) {
    INFO(wanted["source"].get<std::string>());
    const auto got = render(wanted["source"].get<std::string>(), golden["variables"]);
    if (wanted.contains("error")) {
      INFO(wanted["error"]);
      CHECK((got ? got->text : "refused") == "refused");
    } else {
      CHECK((got ? got->text : got.error().message) == wanted["text"].get<std::string>());
    }
  }
}

TEST_CASE("a conversation is rendered as apply_chat_template renders it") {
  const auto tokenizer = take(Tokenizer::load(tiny));
  const auto golden = read_json(goldens / "chats.json");
  REQUIRE(golden["cases"].size() > 30);
  for (const auto& wanted : golden["cases"]) {
    INFO(wanted["template"] << " " << wanted["request"]);
    auto request = wanted["request"];
    if (wanted["template"].is_string()) request["chat_template"] = read_bytes(goldens / "templates" / (wanted["template"].get<std::string>() + ".jinja"));
    const auto got = render_chat(tokenizer, request);
    if (wanted.contains("error")) {
      CHECK((got ? got->text : "refused") == "refused");
      continue;
    }
    CHECK((got ? got->text : got.error().message) == wanted["text"].get<std::string>());
    if (!got || !wanted.contains("mask")) continue;
    ordered_json ids = ordered_json::array(), mask = ordered_json::array();
    for (const auto& token : take(tokenizer.encode_placed(got->text, false))) {
      const auto inside = [&](const auto& range) { return token.begin < range.second && token.end > range.first; };
      ids.push_back(token.id);
      mask.push_back(std::any_of(got->generated.begin(), got->generated.end(), inside) ? 1 : 0);
    }
    CHECK(ids == wanted["ids"]);
    CHECK(mask == wanted["mask"]);
  }
}

TEST_CASE("strftime_now shows the time that the variable of that name gives") {
  CHECK(take(render("{{ strftime_now('%d %b %Y %H:%M') }}", {{"strftime_now", 1700000000}})).text == "14 Nov 2023 22:13");
  CHECK(take(render("{{ strftime_now('%Y')[:2] }}", ordered_json::object())).text == "20");
}
