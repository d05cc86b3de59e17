// What strangers may send: mutated requests, the same ones under each seed. Nothing crashes, and every refusal is a client's fault.
#include <catch2/catch.hpp>
#include <random>

#include "actors/rest/page.hpp"
#include "actors/rest/route.hpp"

namespace luthier::rest {
namespace {

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random); }

std::string mutated(std::string text, Random& random) {
  constexpr std::string_view bytes = "{}[]()\",:$%&=+-~<>\\/.0aN \0\xFF\xC3_";
  const std::vector<std::string> words{"$or", "$not",  "filter[", "NOT IN", "AND", "null", "%2F",
                                       "%00", "1e999", "data.",   "[\"",    "\"]", "--"};
  for (auto count = 1 + below(random, 6); count > 0; --count) {
    const auto at = below(random, text.size() + 1);
    switch (below(random, 5)) {
      case 0:
        text.insert(at, 1, bytes[below(random, bytes.size())]);
        break;
      case 1:
        text.insert(at, words[below(random, words.size())]);
        break;
      case 2:
        text.erase(at, below(random, 8));
        break;
      case 3:
        text.insert(at, text.substr(below(random, text.size() + 1), below(random, 16)));
        break;
      case 4:
        if (at < text.size()) text[at] = bytes[below(random, bytes.size())];
        break;
    }
  }
  return text;
}

const FilterRules rules{
    .fields = {"status"}, .any_data = true, .presence_fields = {"base_model"}, .relations = {"adapters"}, .top_only = {"lora_enabled"}};

void check_refusal(const Answer& answer) {
  CHECK(answer.status >= 400);
  CHECK(answer.status < 500);
  CHECK(Json::accept(answer.body));
  CHECK(answer.body.size() < 96 * 1024);
}

}  // namespace

TEST_CASE("a mutated filter is read or refused, in every spelling") {
  const std::vector<std::string> seeds{
      R"(filter={"$or":[{"name":{"$like":"a%"}},{"data.x":{"$not":{"$in":[1,"2",null]}}},{"adapters":{"rank":{"$gt":4}}}]})",
      R"(filter=name~"a" AND (status IN [x, "y"] OR -data["k"]>=5 created_at<2026-01-01T00:00:00Z))",
      "filter[name][$like]=a&filter[status]=a,b&filter[data.x][gte]=5&filter[$not]={}&filter[adapters][x][in]=1,2",
      "page=2&page_size=5&sort=-data.x&filter[lora_enabled]=true&filter[base_model]=true"};
  const auto row = Json::parse(R"({"name":"ab","status":"x","data":{"x":2,"k":"v"},"created_at":"2026-01-01T00:00:00Z"})");
  const std::string text = dump(row);
  Random random(7);
  int read_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto raw = mutated(seeds[below(random, seeds.size())], random);
    INFO(raw);
    const auto query = Query::parse(raw);
    if (const auto* refusal = std::get_if<Answer>(&query)) {
      check_refusal(*refusal);
      continue;
    }
    const auto filter = parse_filter(std::get<Query>(query), rules);
    const auto page = parse_page(std::get<Query>(query), {});
    if (const auto* refusal = std::get_if<Answer>(&filter)) check_refusal(*refusal);
    if (const auto* refusal = std::get_if<Answer>(&page)) check_refusal(*refusal);
    if (!std::holds_alternative<Filter>(filter) || !std::holds_alternative<PageRequest>(page)) continue;
    ++read_count;
    const auto answer = page_answer({{&row, &text}}, std::get<Filter>(filter), std::get<PageRequest>(page));
    CHECK(Json::accept(answer.body));
  }
  CHECK(read_count > 1000);
}

TEST_CASE("what a list repeats of a filter is a filter that means the same, and $not of it the opposite") {
  const std::vector<Json> rows{
      Json::parse(R"({"name":"ab","status":"x","data":{"x":2,"k":"v"}})"), Json::parse(R"({"name":"b","data":{"x":"2"}})"),
      Json::parse(R"({"name":"c","status":null,"data":{"x":true,"k":[]}})"), Json::parse(R"({"name":"5","data":{"x":2.5}})")};
  const std::vector<std::string> seeds{
      R"({"$or":[{"name":{"$like":"a%"}},{"data.x":{"$not":{"$in":[1,"2",null]}}}]})", R"({"name":{"$gt":"a","$lt":"c"},"data.x":2})",
      R"({"$and":[{"status":null},{"data.k":{"$or":["v",{"$eq":[]}]}}]})", R"({"data":{"x":{"$nin":"2,3"}}})"};
  Random random(11);
  int compared = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto text = mutated(seeds[below(random, seeds.size())], random);
    const auto form = parse_json(text);
    if (!form) continue;
    const auto read = filter_of(*form, rules);
    if (!std::holds_alternative<Filter>(read) || std::get<Filter>(read).empty()) continue;
    INFO(text);
    const auto& filter = std::get<Filter>(read);
    INFO(dump(filter.echo()));
    const auto again = filter_of(filter.echo(), rules);
    const auto opposite = filter_of(Json::object({{"$not", *form}}), rules);
    REQUIRE(std::holds_alternative<Filter>(again));
    ++compared;
    for (const auto& row : rows) {
      CHECK(std::get<Filter>(again).matches(row) == filter.matches(row));
      if (const auto* negated = std::get_if<Filter>(&opposite)) CHECK(negated->matches(row) != filter.matches(row));
    }
  }
  CHECK(compared > 400);
}

TEST_CASE("a mutated path is matched or refused") {
  RouteTable table;
  std::size_t next = 0;
  for (const auto* path : {"/apis/files/v2/workspaces/{workspace}/filesets/{name}/-/{tail}",
                           "/apis/files/v2/workspaces/{workspace}/filesets/{name}", "/{a}/{b}/{c}", "/x/{b}/y"}) {
    RouteInfo info;
    info.method = "GET", info.path = path;
    table.add(std::move(info), next++);
  }
  Random random(13);
  for (int round = 0; round < 20'000; ++round) {
    const auto path = mutated(round % 2 ? "/apis/files/v2/workspaces/w/filesets/f/-/a%2Fb" : "/x/%C3%A9/y", random);
    INFO(path);
    const auto match = table.match(round % 3 ? "GET" : "POST", path);
    if (const auto* refusal = std::get_if<Answer>(&match)) check_refusal(*refusal);
  }
}

TEST_CASE("a mutated body is read or refused") {
  const auto training = tagged("type", {{"sft", object({required("epochs", integer().above(0)), optional("lr", number().above(0), 1e-4)})},
                                        {"dpo", object({optional("beta", number(), 0.1)}).extra(Extra::forbid)}});
  const auto schema =
      object({required("name", text().pattern("^[a-z]+$").length(1, 20)), optional("training", training),
              optional("tags", map_of(any_of({text(), list_of(integer())})), Json::object()), maybe("on", boolean().or_null())});
  Random random(17);
  int read_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto text = mutated(R"({"name":"abc","training":{"type":"sft","epochs":"1"},"tags":{"a":["1"],"b":"x"},"on":"true"})", random);
    INFO(text);
    const auto read = read_body(schema, text);
    if (const auto* refusal = std::get_if<Answer>(&read)) {
      check_refusal(*refusal);
      continue;
    }
    ++read_count;
    // What has been read once reads the same again.
    CHECK(std::get<Json>(read_body(schema, dump(std::get<Json>(read)))) == std::get<Json>(read));
  }
  CHECK(read_count > 500);
}

}  // namespace luthier::rest
