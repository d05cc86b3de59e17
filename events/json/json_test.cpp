#include <catch2/catch.hpp>

#include "events/json/utf8.hpp"
#include "events/json/value.hpp"

namespace luthier::json {
namespace {

std::string again(std::string_view text, Order order = Order::as_given) {
  const auto canonical_text = canonical(text, {}, order);
  return canonical_text ? canonical_text->text : canonical_text.error().message;
}

}  // namespace

TEST_CASE("canonical text has no blanks, keeps the order of members and one spelling of numbers") {
  CHECK(again(R"( { "b" : [ 1 , 2.50, -0.0, 1E2, true, null ] , "a" : "\u00e9\/\n" } )") ==
        "{\"b\":[1,2.5,-0.0,100.0,true,null],\"a\":\"\xC3\xA9/\\n\"}");
  CHECK(again(R"({"b":{"d":1,"c":2},"a":[]})", Order::by_name) == R"({"a":[],"b":{"c":2,"d":1}})");
  CHECK(again("{}") == "{}");
  CHECK(again("[[],{}]") == "[[],{}]");
}

TEST_CASE("canonical text is canonical already") {
  for (const auto* text : {"1e300", "-1.5e-9", "123456789012345678901234567890", "0.1", "-0.0", R"("\u0000\u001f\u007f")", "[1.0]"})
    CHECK(again(again(text)) == again(text));
}

TEST_CASE("what is not JSON is refused with the place") {
  for (const auto* text : {"", " ", "{", "[1,]", "{\"a\":1,}", "nul", "01", "+1", "'a'", "\"a", "1 2", "NaN", "// x\n1", "\"\t\""}) {
    INFO(text);
    const auto value = parse(text);
    REQUIRE_FALSE(value);
    CHECK(value.error().message.starts_with("not valid JSON at byte"));
  }
  CHECK(parse(R"({"a":{"b":1,"c":2,"b":3}})").error().message == "the member \"b\" is there twice");
  CHECK(parse("[[[]]]", {.depth_max = 2}).error().message == "nested more than 2 deep");
  CHECK(parse("[[[]]]", {.depth_max = 3}));
  CHECK(parse("12345", {.bytes_max = 4}).error().code == ErrorCode::limit);
}

TEST_CASE("text that is not UTF-8 is never read, and never written") {
  CHECK_FALSE(parse("\"\xFF\""));
  CHECK_FALSE(parse("\"\xED\xA0\x80\""));  // a surrogate
  std::string out;
  append(out, std::string_view("a\xFF\xC3\xA9\xC3"));
  CHECK(out == "\"a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\"");
  out.clear();
  append(out, std::string_view("\"a\\\\b\n\x01 \x7F\xC3\xA9\t"));
  CHECK(out == "\"\\\"a\\\\\\\\b\\n\\u0001 \x7F\xC3\xA9\\t\"");
  CHECK(is_utf8("plain \xF0\x9F\x8E\xB8 plain"));
  CHECK_FALSE(is_utf8("plain \x80 plain"));
  CHECK_FALSE(is_utf8("plain \xF0\x9F\x8E"));
  CHECK(is_utf8("\xF0\x9F\x8E\xB8"));
  CHECK_FALSE(is_utf8("\xC0\x80"));          // overlong
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  CHECK(repaired_utf8("\xC3\xA9\xC3\xA9", 3) == "\xC3\xA9");
}

}  // namespace luthier::json
