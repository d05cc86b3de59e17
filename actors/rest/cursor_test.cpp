#include "actors/rest/cursor.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace luthier::rest {

TEST_CASE("a cursor comes back as it went") {
  for (const auto& cursor :
       {Cursor{0, false}, Cursor{1, true}, Cursor{12'345, false}, Cursor{std::numeric_limits<std::int64_t>::max(), true}}) {
    INFO(to_text(cursor));
    CHECK(std::get<Cursor>(parse_cursor(to_text(cursor))) == cursor);
  }
}

TEST_CASE("the contract's own cursor is read") {
  CHECK(std::get<Cursor>(parse_cursor("nQx83Xfi")) == Cursor{2, false});
  CHECK(to_text({2, false}) == "nQx83Xfi");
}

TEST_CASE("a cursor that nobody gave is 422 with a sentence") {
  for (const std::string text : {"", "0", "abc", "nQx83Xf", "l", "é", "1111"}) {
    INFO(text);
    const auto read = parse_cursor(text);
    REQUIRE(std::holds_alternative<Answer>(read));
    CHECK(std::get<Answer>(read).status == 422);
    CHECK(Json::parse(std::get<Answer>(read).body)["detail"].is_string());
  }
  CHECK(std::holds_alternative<Answer>(parse_cursor(std::string(100'000, 'z'))));
}

}  // namespace luthier::rest
