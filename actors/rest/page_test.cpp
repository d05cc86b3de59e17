#include "actors/rest/page.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <set>

namespace luthier::rest {
namespace {

Query query(std::string_view raw) { return std::get<Query>(Query::parse(raw)); }

struct List {
  std::deque<Json> bodies;
  std::deque<std::string> texts;
  std::vector<Row> rows;
  PageRules rules{.size_default = 10, .size_max = 100, .sorts = {}};

  void add(std::string_view text) {
    bodies.push_back(Json::parse(text));
    texts.push_back(dump(without_nulls(bodies.back())));
    rows.push_back({&bodies.back(), &texts.back()});
  }
  Answer answer(std::string_view raw, const FilterRules& fields = {.any_data = true}, const Json& added = Json::object()) const {
    const auto filter = parse_filter(query(raw), fields);
    if (const auto* refusal = std::get_if<Answer>(&filter)) return *refusal;
    const auto page = parse_page(query(raw), rules);
    if (const auto* refusal = std::get_if<Answer>(&page)) return *refusal;
    return page_answer(rows, std::get<Filter>(filter), std::get<PageRequest>(page), nullptr, added);
  }
  Json read(std::string_view raw) const { return Json::parse(answer(raw).body); }
  std::string names(std::string_view raw) const {
    std::string out;
    const auto page = read(raw);
    for (const auto& row : page["data"]) out += row["name"].get<std::string>() + " ";
    return out;
  }
};

List numbered(int count) {
  List list;
  for (int i = 0; i < count; ++i)
    list.add(R"({"name":"r)" + std::to_string(i) + R"(","created_at":"2026-01-01T00:00:00.)" + std::to_string(100'000 + i) +
             R"(Z","project":null})");
  return list;
}

Json problem(const Answer& answer) {
  REQUIRE(answer.status == 422);
  return Json::parse(answer.body)["detail"][0];
}

}  // namespace

TEST_CASE("a page has its rows, all five numbers and the sort; the filter only when there is one") {
  const auto list = numbered(3);
  CHECK(list.answer("").body ==
        R"({"data":[{"name":"r2","created_at":"2026-01-01T00:00:00.100002Z"},{"name":"r1","created_at":"2026-01-01T00:00:00.100001Z"},)"
        R"({"name":"r0","created_at":"2026-01-01T00:00:00.100000Z"}],"pagination":{"page":1,"page_size":10,"current_page_size":3,)"
        R"("total_pages":1,"total_results":3},"sort":"-created_at"})");
  CHECK(list.read("filter[name]=r1")["filter"] == Json::parse(R"({"name":{"$eq":"r1"}})"));
  CHECK(Json::parse(list.answer("", {}, Json::object({{"job", "x"}})).body)["filter"] == Json::parse(R"({"job":"x"})"));
}

TEST_CASE("fifteen rows are three pages of five, each row on exactly one") {
  const auto list = numbered(15);
  std::set<std::string> seen;
  for (int page = 1; page <= 3; ++page) {
    const auto read = list.read("page_size=5&page=" + std::to_string(page));
    CHECK(read["pagination"]["total_pages"] == 3);
    for (const auto& row : read["data"]) CHECK(seen.insert(row["name"]).second);
  }
  CHECK(seen.size() == 15);
}

TEST_CASE("a page past the end is empty and keeps the totals") {
  for (const auto* raw : {"page_size=5&page=4", "page_size=5&page=9223372036854775807"}) {
    const auto read = numbered(15).read(raw);
    CHECK(read["data"].empty());
    CHECK(read["pagination"]["current_page_size"] == 0);
    CHECK(read["pagination"]["total_pages"] == 3);
    CHECK(read["pagination"]["total_results"] == 15);
  }
}

TEST_CASE("an empty list has as many pages as its rules say") {
  List list;
  CHECK(list.read("")["pagination"]["total_pages"] == 1);
  list.rules.pages_when_empty = 0;
  CHECK(list.read("")["pagination"]["total_pages"] == 0);
  CHECK(list.read("page=7")["data"].empty());
}

TEST_CASE("page and size below one, above the most, or no number are 422 at their parameter") {
  const auto list = numbered(1);
  CHECK(problem(list.answer("page=0"))["type"] == "greater_than_equal");
  CHECK(problem(list.answer("page=0"))["loc"] == Json::parse(R"(["query","page"])"));
  CHECK(problem(list.answer("page_size=0"))["loc"] == Json::parse(R"(["query","page_size"])"));
  CHECK(problem(list.answer("page_size=101"))["type"] == "less_than_equal");
  CHECK(problem(list.answer("page=x"))["type"] == "int_parsing");
  CHECK(problem(list.answer("page=-9223372036854775808"))["type"] == "greater_than_equal");
  CHECK(Json::parse(list.answer("page=0&page_size=0&sort=zzz").body)["detail"].size() == 3);
}

TEST_CASE("without a largest size any size goes") {
  auto list = numbered(3);
  list.rules.size_max = 0;
  CHECK(list.read("page_size=9223372036854775807")["data"].size() == 3);
}

TEST_CASE("a sort that the list does not have is 422 enum") {
  auto list = numbered(1);
  list.rules.sorts = {"created_at", "name"};
  const auto found = problem(list.answer("sort=updated_at"));
  CHECK(found["type"] == "enum");
  CHECK(found["loc"] == Json::parse(R"(["query","sort"])"));
  CHECK(found["ctx"]["expected"] == "'created_at', '-created_at', 'name' or '-name'");
  CHECK(list.read("sort=-name")["sort"] == "-name");
  list.rules.sorts = {};
  CHECK(problem(list.answer("sort=status"))["type"] == "enum");
  CHECK(problem(list.answer("sort=data."))["type"] == "enum");
}

TEST_CASE("rows are sorted by text, by number, by nested members, and equals stay in the order of creation") {
  List list;
  list.add(R"({"name":"b","data":{"n":10,"m":{"k":1}}})");
  list.add(R"({"name":"a","data":{"n":9}})");
  list.add(R"({"name":"c","data":{"n":null}})");
  list.add(R"({"name":"d","data":{"n":9,"m":{"k":0}}})");
  list.add(R"({"name":"e","data":{}})");
  CHECK(list.names("sort=created_at") == "b a c d e ");
  CHECK(list.names("") == "e d c a b ");
  CHECK(list.names("sort=name") == "a b c d e ");
  CHECK(list.names("sort=-name") == "e d c b a ");
  CHECK(list.names("sort=data.n") == "a d b c e ");
  CHECK(list.names("sort=-data.n") == "c e b a d ");
  CHECK(list.names("sort=data.m.k") == "d b a c e ");
  CHECK(list.names("sort=data.n&page_size=2&page=2") == "b c ");
}

TEST_CASE("filter, sort and pages work together, and totals count what matches") {
  List list;
  for (int i = 0; i < 30; ++i)
    list.add(R"({"name":"r)" + std::to_string(i) + R"(","data":{"even":)" + (i % 2 ? "false" : "true") + R"(,"i":)" + std::to_string(i) +
             "}}");
  const auto read = list.read("filter=%7B%22data.even%22:true%7D&sort=-data.i&page_size=4&page=2");
  CHECK(read["pagination"]["total_results"] == 15);
  CHECK(read["pagination"]["total_pages"] == 4);
  CHECK(read["data"][0]["name"] == "r20");
}

TEST_CASE("a list without pages is its rows alone") {
  CHECK(list_answer(numbered(1).rows).body == R"({"data":[{"name":"r0","created_at":"2026-01-01T00:00:00.100000Z"}]})");
  CHECK(list_answer({}).body == R"({"data":[]})");
}

}  // namespace luthier::rest
