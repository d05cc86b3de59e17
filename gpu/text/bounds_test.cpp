// A template, a tokenizer and a text come from somebody else: whatever they are, they end soon, with a result or an error.
#include <chrono>
#include <random>

#include "gpu/text/chat.hpp"
#include "gpu/text/dataset_source.hpp"
#include "gpu/text/test_support.hpp"
#include "gpu/text/utf8.hpp"

using namespace luthier;
using namespace luthier::text;
using namespace luthier::text::test;

namespace {

std::string times(std::size_t count, const std::string& part) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}

// Generous: machines are slow at times, and what has no bound takes hours.
template <class Work>
void check_quick(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

// A few bytes taken away, doubled, exchanged or changed.
std::string mutated(std::string bytes, std::mt19937& chance) {
  for (int i = 1 + static_cast<int>(chance() % 4); i > 0 && !bytes.empty(); --i) {
    const auto at = chance() % bytes.size(), count = 1 + chance() % 8, other = chance() % bytes.size();
    switch (chance() % 4) {
      case 0: bytes.erase(at, count); break;
      case 1: bytes.insert(at, bytes.substr(other, count)); break;
      case 2: std::swap(bytes[at], bytes[other]); break;
      default: bytes[at] = static_cast<char>(chance());
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("a hostile template ends with an error, soon") {
  const std::string hostile[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = a * b %}{% endfor %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
      "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
      "{{ 'x' * 99999999999 }}",
      "{{ [0] * 99999999999 }}",
      "{% set ns = namespace(x='x') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x == ns.x + [1] }}",
      "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
      "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x == ns.x }}{{ ns.x | tojson }}",
      "{% for i in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
      "{{ '%99999999999d' % 1 }}",
      "{{ '%.99999999f' % 1.5 }}",
      "{{ '{:99999999999}'.format(1) }}",
      "{{ 'x' | center(99999999999) }}",
      "{{ 'x'.ljust(99999999999) }}",
      "{{ ('x' * 9999) | indent(99999999) }}",
      "{{ [1] | tojson(indent=99999999) }}",
      "{{ ('a' * 99999).replace('', 'b' * 99999) }}",
      "{{ 99 ** 99 ** 99 }}",
      "{{ " + times(100000, "(") + "1" + times(100000, ")") + " }}",
      "{{ " + times(100000, "-") + "1 }}",
      "{{ " + times(100000, "not ") + "1 }}",
      "{{ 1" + times(100000, " + 1") + " }}",
      "{{ 1" + times(100000, " | abs") + " }}",
      "{{ x" + times(100000, ".x") + " }}",
      "{{ 1" + times(100000, " if 1 else 1") + " }}",
      "{{ " + times(100000, "[") + times(100000, "]") + " }}",
      times(100000, "{% if 1 %}"),
      times(100000, "{% if 1 %}") + times(100000, "{% endif %}"),
      times(100000, "{% for x in [1] %}") + times(100000, "{% endfor %}"),
      times(2000000, "{"),
      times(1 << 20, " ") + "x",
      "\xff",
  };
  for (const auto& source : hostile) {
    INFO(source.substr(0, 120) << " … of " << source.size());
    check_quick([&] {
      const auto got = render(source, ordered_json::object());
      CHECK((got ? got->text.substr(0, 80) : "refused") == "refused");
      if (!got) CHECK(got.error().message.find('\n') == std::string::npos);
    });
  }
}

TEST_CASE("what is long and harmless is rendered") {
  CHECK(take(render("{% for i in range(20000) %}{{ i }},{% endfor %}", ordered_json::object())).text.size() > 100000);
  CHECK(take(render(times(20000, "{{ 1 }}"), ordered_json::object())).text == times(20000, "1"));
  ordered_json messages = ordered_json::array();
  for (int i = 0; i < 3000; ++i) messages.push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", times(100, "word ")}});
  const auto tokenizer = take(Tokenizer::load(tiny));
  CHECK(take(render_chat(tokenizer, {{"messages", messages}})).text.size() > 1500000);
}

TEST_CASE("a request that is none is refused") {
  const auto tokenizer = take(Tokenizer::load(tiny));
  ordered_json deep = 1;
  for (int i = 0; i < 500; ++i) deep = ordered_json::array({std::move(deep)});
  for (const ordered_json& request : {ordered_json(), ordered_json(5), ordered_json::object(), ordered_json{{"messages", 5}}, ordered_json{{"messages", {1, 2}}},
                                      ordered_json{{"messages", ordered_json::array()}}, ordered_json{{"messages", {{{"role", "user"}, {"content", deep}}}}},
                                      ordered_json{{"messages", {{{"role", "user"}, {"content", "x"}}}}, {"tools", 5}},
                                      ordered_json{{"messages", {{{"role", "user"}, {"content", "x"}}}}, {"chat_template", 5}},
                                      ordered_json{{"messages", {{{"role", "user"}, {"content", "\xff"}}}}}})
    CHECK(!render_chat(tokenizer, request));
}

TEST_CASE("a long text without a blank is encoded soon, whatever it is made of") {
  for (const char* name : {"gpt2", "llama3", "sentencepiece", "clip"}) {
    const TemporaryDirectory directory;
    const auto tokenizer = load_golden(directory, name);
    for (const auto* part : {"a", "ab", " ", "\n", "e\xCC\x81", "\xF0\x9F\x98\x80", "1", "'", "<|im_end|", "<s>"}) {
      INFO(name << " " << part);
      const auto text = times(100000, part);
      check_quick([&] {
        const auto ids = take(tokenizer.encode(text, true));
        CHECK(!tokenizer.decode(ids, false).empty());
      });
    }
  }
}

TEST_CASE("a hostile tokenizer is refused with the file's name, soon") {
  const auto good = read_json(tiny / "tokenizer.json");
  const auto with = [&](const char* pointer, ordered_json value) {
    auto changed = good;
    changed[ordered_json::json_pointer(pointer)] = std::move(value);
    return changed.dump();
  };
  ordered_json deep = {{"type", "NFC"}};
  for (int i = 0; i < 500; ++i) deep = {{"type", "Sequence"}, {"normalizers", ordered_json::array({std::move(deep)})}};
  const auto regex = [&](const std::string& pattern) { return with("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}}); };
  const std::string hostile[] = {
      "", "[]", "{}", "nonsense", times(100000, "["), with("/model/vocab", 5), with("/model/vocab", {{"a", -1}}), with("/model/vocab", {{"a", 4000000000}}), with("/model/vocab", {{"a", 1}, {"b", 1}}),
      with("/model/merges", {"a"}), with("/model/merges", {"zz qq"}), with("/model/merges", {{1, 2}}), with("/model/type", "Unigram"), with("/model/dropout", 0.5), with("/normalizer", std::move(deep)),
      with("/normalizer", {{"type", "Precompiled"}}), with("/pre_tokenizer", {{"type", "None"}}), with("/pre_tokenizer", 7), with("/decoder", {{"type", "None"}}), with("/post_processor", {{"type", "TemplateProcessing"}}),
      with("/added_tokens", 5), with("/added_tokens/0", {{"id", -5}, {"content", "<new>"}}), with("/added_tokens/0/content", nullptr), regex("("), regex("[a"), regex("a{99999}{99999}"), regex(times(100000, "(")), regex("\\C"),
  };
  for (const auto& source : hostile) {
    INFO(source.substr(0, 100) << " … of " << source.size());
    const TemporaryDirectory directory;
    write_text(directory / "tokenizer.json", source);
    check_quick([&] {
      const auto loaded = Tokenizer::load(directory.path());
      CHECK((loaded ? "loaded" : loaded.error().message).find("tokenizer.json") != std::string::npos);
    });
  }
  const TemporaryDirectory directory;
  write_text(directory / "tokenizer.json", regex("(a+)+$"));
  const auto slow = take(Tokenizer::load(directory.path()));
  check_quick([&] { CHECK(!slow.encode(times(5000, "a") + "b", false)); });
}

TEST_CASE("damaged templates, tokenizers and rows end with a result or an error") {
  std::mt19937 chance(1);
  const auto golden = read_json(goldens / "snippets.json");
  for (const auto& wanted : golden["cases"])
    for (int i = 0; i < 15; ++i)
      if (const auto got = render(mutated(wanted["source"], chance), golden["variables"])) CHECK(!first_invalid_utf8(got->text));
  const auto tokenizer = take(Tokenizer::load(tiny));
  const auto chats = read_json(goldens / "chats.json");
  for (const auto& wanted : chats["cases"]) {
    if (!wanted["template"].is_string()) continue;
    const auto source = read_bytes(goldens / "templates" / (wanted["template"].get<std::string>() + ".jinja"));
    for (int i = 0; i < 10; ++i) {
      auto request = wanted["request"];
      request["chat_template"] = mutated(source, chance);
      if (const auto got = render_chat(tokenizer, request)) CHECK(!first_invalid_utf8(got->text));
    }
  }
  const TemporaryDirectory directory;
  const auto whole = read_bytes(tiny / "tokenizer.json");
  for (int i = 0; i < 150; ++i) {
    write_text(directory / "tokenizer.json", mutated(whole, chance));
    if (const auto loaded = Tokenizer::load(directory.path()))
      if (const auto ids = loaded->encode("Hello <|im_end|> w\xC3\xB6rld 12", true)) CHECK(!first_invalid_utf8(loaded->decode(*ids, false)));
  }
  const auto rows = read_json(goldens / "rows.json");
  for (const auto& kind : rows["cases"])
    for (const auto& row : kind["rows"])
      for (int i = 0; i < 10; ++i) {
        const auto data = RowSource::open({write_text(directory / "rows.jsonl", mutated(row.dump(), chance))}, tokenizer, {});
        if (!data) CHECK(data.error().message.find("rows.jsonl: row ") != std::string::npos);
      }
}
