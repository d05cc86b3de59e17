#include "actors/rest/query.hpp"

#include <catch2/catch.hpp>

#include "actors/rest/page.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::rest {
namespace {

Query query(std::string_view raw) {
  auto read = Query::parse(raw);
  REQUIRE(std::holds_alternative<Query>(read));
  return std::get<Query>(read);
}
int status(std::string_view raw) { return std::get<Answer>(Query::parse(raw)).status; }

}  // namespace

TEST_CASE("a query keeps its parameters in their order, decoded") {
  const auto read = query("a=1&filter%5Bname%5D%5B%24like%5D=d%25&b=x+y&a=2&&empty=&alone");
  CHECK(*read.find("a") == "2");
  CHECK(read.all("a") == std::vector<std::string_view>{"1", "2"});
  CHECK(*read.find("b") == "x y");
  CHECK(read.find("empty")->empty());
  CHECK(read.find("alone")->empty());
  CHECK_FALSE(read.find("c"));
  REQUIRE(read.with_prefix("filter[").size() == 1);
  CHECK(read.with_prefix("filter[")[0]->first == "filter[name][$like]");
  CHECK(read.with_prefix("filter[")[0]->second == "d%");
}

TEST_CASE("a percent sign that starts no code stays, as people type it") {
  CHECK(*query("a=d%").find("a") == "d%");
  CHECK(*query("a=%zz%4").find("a") == "%zz%4");
}

TEST_CASE("what is no text, too long or too much is refused") {
  CHECK(status("a=%FF") == 400);
  CHECK(status("a=%00") == 400);
  CHECK(status("a=%C0%AF") == 400);
  CHECK(status(std::string(Query::bytes_max + 1, 'a')) == 414);
  std::string many;
  for (int i = 0; i < 300; ++i) many += "a&";
  CHECK(status(many) == 400);
}

TEST_CASE("declared parameters are checked like members of a body") {
  const std::vector<QueryField> fields{{optional("limit", integer().at_least(1).at_most(100), 10), "how many"},
                                       {maybe("verbose", boolean()), ""},
                                       {maybe("steps", list_of(text())), ""},
                                       {required("job", text()), ""}};
  const auto read = std::get<Json>(read_query(query("job=x&steps=a,b&steps=c&verbose=true&other=1"), fields));
  CHECK(dump(read) == R"({"limit":10,"verbose":true,"steps":["a","b","c"],"job":"x"})");
  const auto refusal = std::get<Answer>(read_query(query("limit=0"), fields));
  CHECK(refusal.status == 422);
  const auto detail = Json::parse(refusal.body)["detail"];
  CHECK(detail[0]["loc"] == Json::parse(R"(["query","limit"])"));
  CHECK(detail[0]["type"] == "greater_than_equal");
  CHECK(detail[1]["type"] == "missing");
}

}  // namespace luthier::rest
