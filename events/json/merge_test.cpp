#include "events/json/merge.hpp"

#include <catch2/catch.hpp>

namespace luthier::json {

TEST_CASE("a merge patch replaces, adds, removes and goes into objects") {
  const auto merged = [](const char* target, const char* patch) {
    const auto result = merge_patch({target}, {patch});
    REQUIRE(result);
    return result->text;
  };
  CHECK(merged(R"({"a":1,"b":{"c":2,"d":3}})", R"({"a":null,"b":{"c":4},"e":[1,null]})") == R"({"b":{"c":4,"d":3},"e":[1,null]})");
  CHECK(merged("null", R"({"a":{"b":null,"c":1}})") == R"({"a":{"c":1}})");
  CHECK(merged(R"({"a":"text"})", R"({"a":{"b":1}})") == R"({"a":{"b":1}})");
  CHECK(merged(R"({"a":1})", "null") == R"({"a":1})");
}

TEST_CASE("a merge patch that is no object is refused") {
  CHECK_FALSE(merge_patch({"{}"}, {"[1]"}));
  CHECK_FALSE(merge_patch({"{}"}, {"{\"a\":"}));
}

}  // namespace luthier::json
