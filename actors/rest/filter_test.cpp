#include "actors/rest/filter.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "actors/rest/moment.hpp"

namespace luthier::rest {
namespace {

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
    out += code;
  }
  return out;
}

const FilterRules plain{.fields = {"status", "parent", "description"}, .any_data = true};

Or<Filter> parsed(std::string_view raw, const FilterRules& rules = plain) {
  return parse_filter(std::get<Query>(Query::parse(raw)), rules);
}
Or<Filter> from_json(std::string_view form, const FilterRules& rules = plain) { return parsed("filter=" + encoded(form), rules); }

Filter held(const Or<Filter>& filter) {
  if (const auto* refusal = std::get_if<Answer>(&filter)) FAIL(refusal->body);
  return std::get<Filter>(filter);
}
std::string refusal(const Or<Filter>& filter) {
  const auto* answer = std::get_if<Answer>(&filter);
  REQUIRE(answer);
  CHECK(answer->status == 400);
  return Json::parse(answer->body)["detail"];
}
bool has(const std::string& sentence, std::string_view part) { return sentence.find(part) != std::string::npos; }

bool fits(std::string_view form, std::string_view row) { return held(from_json(form)).matches(Json::parse(row)); }
bool query_fits(std::string_view raw, std::string_view row) { return held(parsed(raw)).matches(Json::parse(row)); }
bool text_fits(std::string_view text, std::string_view row) { return held(parsed("filter=" + encoded(text))).matches(Json::parse(row)); }

// Adapters of models, for the relationship.
class Adapters final : public Relation {
 public:
  bool any(std::string_view relation, const Json& body, const std::function<bool(const Json&)>& fits) const override {
    if (relation != "adapters") return false;
    for (const auto& row : rows)
      if (row["parent"] == body["id"] && fits(row["data"])) return true;
    return false;
  }
  std::vector<Json> rows{Json::parse(R"({"parent":"m1","data":{"finetuning_type":"LoRA","rank":8,"config":{"x":1}}})"),
                         Json::parse(R"({"parent":"m1","data":{"finetuning_type":"P_TUNING","rank":4}})"),
                         Json::parse(R"({"parent":"m2","data":{"finetuning_type":"DoRA","rank":8}})")};
};

std::string models(const Or<Filter>& filter) {
  const Adapters adapters;
  std::string out;
  for (const auto* id : {"m1", "m2", "m3"})
    if (held(filter).matches(Json::object({{"id", id}, {"name", std::string("model-") + id}}), &adapters)) out += id;
  return out;
}
const FilterRules with_adapters{.fields = {}, .any_data = true, .relations = {"adapters"}};

}  // namespace

TEST_CASE("no filter, an empty one and an empty object hold for every row and have no echo") {
  for (const auto* raw : {"", "filter=", "filter=%7B%7D", "page=1"}) {
    INFO(raw);
    CHECK(held(parsed(raw)).matches(Json::object()));
    CHECK(held(parsed(raw)).empty());
    CHECK(held(parsed(raw)).echo() == Json::object());
  }
}

TEST_CASE("several members of a filter are all asked for") {
  CHECK(fits(R"({"name":"a","status":"b"})", R"({"name":"a","status":"b"})"));
  CHECK_FALSE(fits(R"({"name":"a","status":"b"})", R"({"name":"a","status":"c"})"));
}

TEST_CASE("a list answers with its filter, plain values as $eq and text as text") {
  CHECK(held(from_json(R"({"name":"x","status":["a","b"]})")).echo() == Json::parse(R"({"name":{"$eq":"x"},"status":{"$in":["a","b"]}})"));
  CHECK(held(parsed("filter[data.n]=5&filter[name][like]=d%25")).echo() == Json::parse(R"({"data.n":{"$eq":"5"},"name":{"$like":"d%"}})"));
  CHECK(held(from_json(R"({"$not":{"name":{"$in":"a,b"}}})")).echo() == Json::parse(R"({"$not":{"name":{"$in":["a","b"]}}})"));
  CHECK(held(from_json(R"({"$or":[{"name":"a"},{"data.x":{"$not":null}}]})")).echo() ==
        Json::parse(R"({"$or":[{"name":{"$eq":"a"}},{"data.x":{"$not":{"$eq":null}}}]})"));
}

TEST_CASE("$and and $or hold lists of filters and nest in each other") {
  const auto* form = R"({"$or":[{"$and":[{"name":"a"},{"status":"b"}]},{"$or":[{"name":"c"}]}]})";
  CHECK(fits(form, R"({"name":"a","status":"b"})"));
  CHECK(fits(form, R"({"name":"c"})"));
  CHECK_FALSE(fits(form, R"({"name":"a","status":"c"})"));
  CHECK(query_fits("filter[$or]=" + encoded(R"([{"name":"a"},{"name":"b"}])"), R"({"name":"b"})"));
}

TEST_CASE("$or, $and and $not also stand below a field") {
  CHECK(fits(R"({"data.status":{"$or":[{"$eq":"x"},{"$eq":"y"}]}})", R"({"data":{"status":"y"}})"));
  CHECK_FALSE(fits(R"({"data.status":{"$or":[{"$eq":"x"},{"$eq":"y"}]}})", R"({"data":{"status":"z"}})"));
  CHECK(fits(R"({"name":{"$and":[{"$like":"a"},{"$like":"b"}]}})", R"({"name":"cab"})"));
  CHECK_FALSE(fits(R"({"name":{"$not":{"$like":"t"}}})", R"({"name":"test"})"));
  CHECK(fits(R"({"name":{"$not":"x"}})", R"({"name":"test"})"));
}

TEST_CASE("$not is the complement") {
  CHECK(fits(R"({"$not":{"data.x":1}})", R"({"data":{"x":2}})"));
  CHECK(fits(R"({"$not":{"data.x":1}})", R"({"data":{}})"));
  CHECK_FALSE(fits(R"({"$not":{"data.x":1}})", R"({"data":{"x":1}})"));
  CHECK_FALSE(query_fits("filter[$not]=" + encoded(R"({"name":"a"})"), R"({"name":"a"})"));
  CHECK(fits(R"({"name":{"$nin":["a","b"]}})", R"({"name":"c"})"));
  CHECK_FALSE(fits(R"({"name":{"$nin":"a,b"}})", R"({"name":"b"})"));
}

TEST_CASE("a logical operator beside other members is refused") {
  CHECK(has(refusal(from_json(R"({"$or":[{"name":"a"}],"name":"b"})")), "$or"));
  CHECK(has(refusal(from_json(R"({"name":{"$not":{"$eq":"a"},"$eq":"b"}})")), "$not"));
  CHECK(has(refusal(parsed("filter[$not]=%7B%22name%22:1%7D&filter[name]=x")), "$not"));
}

TEST_CASE("$like is contains, without regard to case, with wildcards") {
  const auto like = [](const char* pattern, const std::string& name) {
    return held(from_json(dump(Json::object({{"name", {{"$like", pattern}}}})))).matches(Json::object({{"name", name}}));
  };
  CHECK(like("llama", "my-LLaMA-7b"));
  CHECK(like("d%", "abcd"));
  CHECK(like("a%c", "xxAbbbCxx"));
  CHECK_FALSE(like("c%a", "abc"));
  CHECK(like("a_c", "xabcx"));
  CHECK(like("a_c", "aéc"));
  CHECK_FALSE(like("a_c", "ac"));
  CHECK(like("%%", "anything"));
  CHECK(like("", ""));
  CHECK(like("___", "abc"));
  CHECK_FALSE(like("____", "abc"));
  CHECK(like("É", "xÉx"));
  CHECK(like("aab", "aaab"));
  CHECK_FALSE(fits(R"({"name":{"$like":"x"}})", R"({"name":null})"));
  CHECK(query_fits("filter[name][$like]=a,b", R"({"name":"xa,bx"})"));
}

TEST_CASE("$in and $nin take a list or one text with commas, in every spelling") {
  for (const auto* form : {R"({"name":{"$in":["a","b"]}})", R"({"name":{"$in":"a,b"}})", R"({"name":["a","b"]})"}) {
    CHECK(fits(form, R"({"name":"b"})"));
    CHECK_FALSE(fits(form, R"({"name":"a,b"})"));
  }
  for (const auto* raw : {"filter[name][$in]=a,b", "filter[name][in]=a,b", "filter[name]=a,b", "filter[name]=a&filter[name]=b",
                          "filter[name][$eq]=a,b", "filter[name][$in]=%5B%22a%22,%22b%22%5D"}) {
    INFO(raw);
    CHECK(query_fits(raw, R"({"name":"b"})"));
    CHECK_FALSE(query_fits(raw, R"({"name":"c"})"));
  }
  CHECK(fits(R"({"data.n":{"$in":"4,5"}})", R"({"data":{"n":5}})"));
  CHECK(fits(R"({"name":{"$in":[]}})", R"({"name":"a"})") == false);
  CHECK(query_fits("filter[parent][$in]=id1,id2", R"({"parent":"id2"})"));
}

TEST_CASE("operators in brackets go with or without the dollar") {
  for (const auto* op : {"gte", "$gte"}) {
    const auto raw = "filter[created_at][" + std::string(op) + "]=2026-01-01T00:00:00Z";
    CHECK(query_fits(raw, R"({"created_at":"2026-01-01T00:00:00.000000Z"})"));
    CHECK_FALSE(query_fits(raw, R"({"created_at":"2025-12-31T23:59:59.999999Z"})"));
  }
  CHECK(query_fits("filter[data.x][gte]=5", R"({"data":{"x":5}})"));
  CHECK(query_fits("filter%5Bname%5D%5B%24like%5D=d%25", R"({"name":"d1"})"));
  CHECK(query_fits("filter[data][x]=5", R"({"data":{"x":5}})"));
  CHECK(query_fits("filter[name]=ab&filter[name][$like]=b", R"({"name":"ab"})"));
}

TEST_CASE("times are compared as times, to the microsecond, with or without a zone") {
  const auto* row = R"({"created_at":"2026-02-09T22:12:45.123456Z"})";
  CHECK_FALSE(fits(R"({"created_at":{"$gt":"2026-02-09T22:12:45.123456Z"}})", row));
  CHECK(fits(R"({"created_at":{"$gt":"2026-02-09T22:12:45.123455"}})", row));
  CHECK(fits(R"({"created_at":{"$gte":"2026-02-09T22:12:45.123456+00:00"}})", row));
  CHECK(fits(R"({"created_at":{"$lte":"2026-02-09T23:12:45.123456+01:00"}})", row));
  CHECK_FALSE(fits(R"({"created_at":{"$lt":"2026-02-09T23:12:45.123456+01:00"}})", row));
  CHECK(fits(R"({"created_at":"2026-02-09T22:12:45.123456"})", row));
  CHECK(fits(R"({"created_at":{"$gte":"2026-02-09"}})", row));
  CHECK(query_fits("filter[created_at][lte]=2026-02-09T22:12:45.123456+00:00", row));  // the + is a blank then
  CHECK(fits(R"({"created_at":{"$gte":"2026-01-01","$lte":"2027-01-01"}})", row));
  CHECK(fits(R"({"created_at":{"$eq":null}})", R"({"created_at":null})"));
  CHECK(has(refusal(from_json(R"({"created_at":{"$gte":"yesterday"}})")), "no time"));
}

TEST_CASE("a moment is read from what people write, and from nothing else") {
  const auto same = [](const char* text) { return read_moment(text) == read_moment("2026-02-09T22:12:45.120000Z"); };
  for (const auto* text :
       {"2026-02-09T22:12:45.12", "2026-02-09 22:12:45.12", "2026-02-09T22:12:45.12z", "2026-02-09T22:12:45.1200000000000Z",
        "2026-02-09T20:12:45.12-02", "2026-02-09T23:42:45.12+0130", "2026-02-10T00:12:45.12 02:00"}) {
    INFO(text);
    CHECK(same(text));
  }
  CHECK(read_moment("2026-02-09T22:12") == read_moment("2026-02-09T22:12:00Z"));
  for (const auto* text :
       {"", "2026", "2026-13-01", "2026-02-30", "2026-02-09T25:00", "2026-02-09X10:00:00", "2026-02-09T10:00:00.", "2026-02-09T10:00:00+",
        "2026-02-09T10:00:00+1", "2026-02-09T10:00:00+24:00", "2026-02-09T10:00:00ZZ", "2026-02-09T10:00:00.1x", "2026-02-09T1"}) {
    INFO(text);
    CHECK_FALSE(read_moment(text));
  }
}

TEST_CASE("names are compared in plain order of text") {
  CHECK(fits(R"({"name":{"$gt":"b"}})", R"({"name":"c"})"));
  CHECK_FALSE(fits(R"({"name":{"$gt":"b"}})", R"({"name":"a"})"));
  CHECK_FALSE(fits(R"({"name":{"$gt":"b"}})", R"({"name":"b"})"));
  CHECK(fits(R"({"name":{"$lte":"b"}})", R"({"name":"b"})"));
}

TEST_CASE("numbers compare as numbers, and a text that spells one equals it") {
  CHECK(fits(R"({"data.n":5})", R"({"data":{"n":5.0}})"));
  CHECK(fits(R"({"data.n":5.5})", R"({"data":{"n":5.5}})"));
  CHECK(fits(R"({"data.n":"5"})", R"({"data":{"n":5}})"));
  CHECK(fits(R"({"data.n":"5"})", R"({"data":{"n":"5"}})"));
  CHECK_FALSE(fits(R"({"data.n":5})", R"({"data":{"n":"5"}})"));
  CHECK(fits(R"({"data.n":{"$gt":9}})", R"({"data":{"n":10}})"));
  CHECK(query_fits("filter[data.n][gt]=9", R"({"data":{"n":10}})"));
  CHECK_FALSE(fits(R"({"data.n":{"$gt":9}})", R"({"data":{"n":null}})"));
  CHECK_FALSE(fits(R"({"data.n":{"$gt":9}})", R"({"data":{"n":"z"}})"));
  CHECK_FALSE(fits(R"({"data.n":9007199254740993})", R"({"data":{"n":9007199254740992}})"));
}

TEST_CASE("flags are compared with true and false") {
  CHECK(fits(R"({"data.on":true})", R"({"data":{"on":true}})"));
  CHECK_FALSE(fits(R"({"data.on":true})", R"({"data":{"on":false}})"));
  CHECK_FALSE(fits(R"({"data.on":true})", R"({"data":{"on":1}})"));
  CHECK(query_fits("filter[data.on]=false", R"({"data":{"on":false}})"));
}

TEST_CASE("$eq null is absent or null and nothing else, and its negation is the rest") {
  for (const auto* row : {R"({"data":{}})", R"({"data":{"f":null}})", R"({})", R"({"data":5})"}) {
    INFO(row);
    CHECK(fits(R"({"data.f":{"$eq":null}})", row));
    CHECK(fits(R"({"data.f":null})", row));
    CHECK_FALSE(fits(R"({"data.f":{"$not":{"$eq":null}}})", row));
    CHECK(query_fits("filter[data.f]=", row));
  }
  for (const auto* row : {R"({"data":{"f":"null"}})", R"({"data":{"f":[]}})", R"({"data":{"f":false}})", R"({"data":{"f":""}})"}) {
    INFO(row);
    CHECK_FALSE(fits(R"({"data.f":{"$eq":null}})", row));
    CHECK(fits(R"({"data.f":{"$not":{"$eq":null}}})", row));
    CHECK(fits(R"({"$and":[{"data.f":{"$not":{"$eq":null}}},{"$or":[{"data.f":{"$not":{"$eq":null}}}]}]})", row));
  }
}

TEST_CASE("lists and objects equal the same lists and objects") {
  CHECK(fits(R"({"data.l":{"$eq":[1,2]}})", R"({"data":{"l":[1,2]}})"));
  CHECK_FALSE(fits(R"({"data.l":{"$eq":[1,2]}})", R"({"data":{"l":[2,1]}})"));
  CHECK(fits(R"({"data.o":{"$eq":{"a":1,"b":2}}})", R"({"data":{"o":{"b":2,"a":1}}})"));
}

TEST_CASE("data has members at any depth") {
  CHECK(fits(R"({"data.a.b":1})", R"({"data":{"a":{"b":1}}})"));
  CHECK(fits(R"({"data":{"a":{"b":1}}})", R"({"data":{"a":{"b":1}}})"));
  CHECK(has(refusal(from_json(R"({"data.x":1})", {})), "unknown field"));
  CHECK(has(refusal(from_json(R"({"data":1})")), "unknown field"));
  CHECK(has(refusal(from_json(R"({"data.":1})")), "unknown field"));
}

TEST_CASE("a field that asks whether something is set reads true and false so") {
  const FilterRules rules{.fields = {}, .presence_fields = {"base_model", "adapters"}};
  const auto set = [&](const char* raw, const char* row) { return held(parsed(raw, rules)).matches(Json::parse(row)); };
  CHECK(set("filter[base_model]=true", R"({"base_model":"x"})"));
  CHECK_FALSE(set("filter[base_model]=true", R"({"base_model":null})"));
  CHECK(set("filter[base_model]=false", R"({})"));
  CHECK(set("filter[adapters]=false", R"({"adapters":[]})"));
  CHECK(set("filter[adapters]=true", R"({"adapters":[{}]})"));
  CHECK(set("filter[base_model]=x", R"({"base_model":"x"})"));
  CHECK(held(from_json(R"({"base_model":true})", rules)).matches(Json::parse(R"({"base_model":"x"})")));
}

TEST_CASE("a field may lie elsewhere in a row") {
  const FilterRules rules{.fields = {"storage_type"}, .any_data = true, .renamed = {{"storage_type", "storage.type"}, {"data.", ""}}};
  CHECK(held(parsed("filter[storage_type]=local", rules)).matches(Json::parse(R"({"storage":{"type":"local"}})")));
  CHECK(held(from_json(R"({"data.base_model":{"$not":{"$eq":null}}})", rules)).matches(Json::parse(R"({"base_model":"x"})")));
  const FilterRules nested{.fields = {"spec.*"}};
  CHECK(held(parsed("filter[spec][output][name]=x", nested)).matches(Json::parse(R"({"spec":{"output":{"name":"x"}}})")));
  CHECK(held(parsed("filter[spec.model]=x", nested)).matches(Json::parse(R"({"spec":{"model":"x"}})")));
}

TEST_CASE("a relationship exists or not, and its rows have members") {
  CHECK(models(from_json(R"({"adapters":{"$exists":true}})", with_adapters)) == "m1m2");
  CHECK(models(from_json(R"({"adapters":{"$exists":false}})", with_adapters)) == "m3");
  CHECK(models(parsed("filter[adapters][$exists]=true", with_adapters)) == "m1m2");
  CHECK(models(parsed("filter[adapters]=false", with_adapters)) == "m3");
  CHECK(models(from_json(R"({"adapters":{"$eq":true}})", with_adapters)) == "m1m2");
  CHECK(models(from_json(R"({"adapters":{"finetuning_type":"LoRA"}})", with_adapters)) == "m1");
  CHECK(models(parsed("filter[adapters][finetuning_type][$in]=DoRA,P_TUNING", with_adapters)) == "m1m2");
  CHECK(models(from_json(R"({"adapters":{"finetuning_type":"LoRA","rank":8}})", with_adapters)) == "m1");
  CHECK(models(from_json(R"({"adapters":{"finetuning_type":"LoRA","rank":4}})", with_adapters)).empty());
  CHECK(models(from_json(R"({"adapters":{"config":{"x":1}}})", with_adapters)) == "m1");
  CHECK(models(from_json(R"({"adapters":{"$not":{"finetuning_type":"LoRA"}}})", with_adapters)) == "m2m3");
  CHECK(models(from_json(R"({"name":"model-m2","adapters":{"rank":8}})", with_adapters)) == "m2");
  CHECK(models(from_json(R"({"$or":[{"name":"model-m3"},{"adapters":{"$exists":true}}]})", with_adapters)) == "m1m2m3");
  CHECK(held(from_json(R"({"adapters":{"finetuning_type":"LoRA"}})", with_adapters)).echo() ==
        Json::parse(R"({"adapters":{"finetuning_type":{"$eq":"LoRA"}}})"));
  CHECK(has(refusal(from_json(R"({"adapters":"x"})", with_adapters)), "$exists"));
  CHECK_FALSE(held(from_json(R"({"adapters":{"$exists":true}})", with_adapters)).matches(Json::parse(R"({"id":"m1"})")));
}

TEST_CASE("a field of the top level alone combines by AND and is refused inside $or and $not") {
  const FilterRules rules{.fields = {}, .top_only = {"lora_enabled"}};
  const auto filter = held(parsed("filter[lora_enabled]=true&filter[name]=x", rules));
  CHECK(filter.equals_flag("lora_enabled") == true);
  CHECK(filter.matches(Json::parse(R"({"name":"x"})")));
  CHECK_FALSE(filter.matches(Json::parse(R"({"name":"y"})")));
  CHECK(held(from_json(R"({"$and":[{"lora_enabled":false},{"name":"x"}]})", rules)).equals_flag("lora_enabled") == false);
  CHECK_FALSE(held(parsed("filter[name]=x", rules)).equals_flag("lora_enabled"));
  CHECK(has(refusal(from_json(R"({"$or":[{"lora_enabled":true},{"name":"x"}]})", rules)), "lora_enabled"));
  CHECK(has(refusal(from_json(R"({"$not":{"lora_enabled":true}})", rules)), "lora_enabled"));
  CHECK(has(refusal(from_json(R"({"$and":[{"$or":[{"lora_enabled":true}]}]})", rules)), "lora_enabled"));
}

TEST_CASE("a plain equality can be looked up for an index") {
  CHECK(*held(parsed("filter[name]=x")).equals("name") == "x");
  CHECK(*held(from_json(R"({"name":{"$eq":"x"}})")).equals("name") == "x");
  CHECK_FALSE(held(from_json(R"({"name":{"$like":"x"}})")).equals("name"));
  CHECK_FALSE(held(from_json(R"({"$or":[{"name":"x"}]})")).equals("name"));
}

TEST_CASE("an unknown field is 400, named, with the valid ones") {
  const auto sentence = refusal(parsed("filter[colour]=red"));
  CHECK(has(sentence, "unknown field 'colour'"));
  CHECK(has(sentence, "created_at, data.<member>, description, entity_type, id, name, parent, project, status, updated_at, workspace"));
  CHECK(has(refusal(from_json(R"({"$or":[{"colour":1}]})")), "colour"));
  CHECK(has(refusal(parsed("filter=colour:red")), "colour"));
}

TEST_CASE("an unknown operator is 400 and named") {
  CHECK(has(refusal(from_json(R"({"name":{"$regex":"x"}})")), "unknown operator '$regex'"));
  CHECK(has(refusal(parsed("filter[name][foo]=x")), "unknown operator 'foo'"));
  CHECK(has(refusal(from_json(R"({"$nor":[]})")), "unknown operator '$nor'"));
}

TEST_CASE("what cannot be read is 400 with the reason") {
  for (const auto* form : {"{", "{\"name\":}", "{\"name\":1}}", "{\"name\":\"x\",\"name\":\"y\"}"}) {
    INFO(form);
    CHECK(has(refusal(from_json(form)), "Invalid JSON in filter parameter"));
  }
  CHECK(has(refusal(parsed("filter[$or]=[{")), "Invalid JSON in filter parameter"));
  for (const auto* raw : {"filter[name=x", "filter[]=x", "filter[name]x=1", "filter[a]b[c]=1", "filter[[=1", "filter[a][]=1"}) {
    INFO(raw);
    CHECK_FALSE(refusal(parsed(raw)).empty());
  }
  CHECK(has(refusal(parsed("filter[name]=x&filter=name:y")), "more than once"));
  for (const auto* form :
       {R"({"$or":{}})", R"({"$and":[]})", R"({"$not":5})", R"({"$or":[5]})", R"({"name":{}})", R"({"name":{"$like":null}})",
        R"({"name":{"$gt":[1]}})", R"({"name":{"$in":{}}})", R"({"name":{"$exists":"x"}})", R"({"$not":{}})"}) {
    INFO(form);
    CHECK_FALSE(refusal(from_json(form)).empty());
  }
}

TEST_CASE("the text grammar says the same as JSON") {
  const auto* row = R"({"name":"Llama-7b","status":"active","data":{"n":5,"k":null,"my key":"v"}})";
  for (const auto* text : {R"(name:"Llama-7b")",
                           "name:Llama-7b",
                           "name~llama",
                           R"(name~"ll%7")",
                           "data.n>4",
                           "data.n >= 5",
                           "data.n<6",
                           "data.n <=5",
                           "status IN [active, pending]",
                           "status IN [\"active\"]",
                           "status NOT IN [done]",
                           "-status:done",
                           "NOT status:done",
                           "name~llama AND status:active",
                           "name~llama status:active",
                           "name:x OR status:active",
                           "(name:x OR status:active) data.n:5",
                           "-(name:x OR status:y)",
                           "data.k:null",
                           R"(data["n"]:5)",
                           R"(data["my key"]:v)",
                           "-data.n:null",
                           "name:x OR name:y OR name~b",
                           "status:active AND -(name:x)",
                           "--status:active"}) {
    INFO(text);
    CHECK(text_fits(text, row));
  }
  for (const auto* text : {"name:x", "name~x", "data.n>5", "status IN [done]", "-status:active", "name~llama AND status:done",
                           "name:x OR status:done", "-data.k:null", "name:x OR name~llama status:done"}) {
    INFO(text);
    CHECK_FALSE(text_fits(text, row));
  }
  CHECK(held(parsed("filter=name:x")).echo() == Json::parse(R"({"name":{"$eq":"x"}})"));
}

TEST_CASE("text that is no filter is 400 with the place") {
  for (const auto* text : {"name", "name:", "name:\"x", "(name:x", "name:x)", "name IN a", "name IN [a", "name NOT a", "OR", "name:x AND",
                           "[1]", "name:x OR", ":x", "data[n]:5", "data[\"n\":5", "!!!"}) {
    INFO(text);
    CHECK_FALSE(refusal(parsed("filter=" + encoded(text))).empty());
  }
  CHECK(has(refusal(parsed("filter=name")), "character 5"));
}

TEST_CASE("filters are bounded in depth, in conditions and in bytes") {
  std::string deep = R"({"name":"x"})";
  for (int i = 0; i < 20; ++i) deep = R"({"$not":)" + deep + "}";
  CHECK(has(refusal(from_json(deep)), "16 deep"));
  CHECK(has(refusal(filter_of(Json::parse(deep), plain)), "16 deep"));
  CHECK(has(refusal(parsed("filter=" + std::string(5000, '('))), "16 deep"));
  CHECK(has(refusal(parsed("filter=" + std::string(5000, '-'))), "16 deep"));
  CHECK(has(refusal(parsed("filter=%7B%22a%22:" + std::string(10'000, '['))), "Invalid JSON"));
  Json many = Json::array();
  for (int i = 0; i < 300; ++i) many.push_back({{"name", "x"}});
  CHECK(has(refusal(filter_of(Json::object({{"$or", many}}), plain)), "256 conditions"));
  std::string text = "filter=name:x";
  for (int i = 0; i < 300; ++i) text += "+name:x";
  CHECK(has(refusal(parsed(text)), "256 conditions"));
  CHECK(has(refusal(parsed("filter[name][$like]=" + std::string(2000, 'a'))), "1000 bytes"));
  std::string nested = "filter";
  for (int i = 0; i < 100; ++i) nested += "[a]";
  CHECK_FALSE(refusal(parsed(nested + "=1")).empty());
  CHECK(has(refusal(filter_of(Json::parse(R"({"data":)" + std::string(100, '[') + std::string(100, ']') + "}"), plain)), "data"));
}

TEST_CASE("a thousand rows are asked in far less than a millisecond") {
  std::vector<Json> rows;
  for (int i = 0; i < 1000; ++i)
    rows.push_back({{"id", "model-" + std::to_string(i)},
                    {"workspace", "default"},
                    {"project", nullptr},
                    {"description", "a model"},
                    {"name", "llama-" + std::to_string(i)},
                    {"status", i % 2 ? "active" : "done"},
                    {"data", {{"n", i}}},
                    {"created_at", "2026-02-09T22:12:45.123456Z"},
                    {"updated_at", "2026-02-09T22:12:45.123456Z"}});
  for (const auto* form : {R"({"name":"llama-5","status":"active"})", R"({"name":{"$like":"ama-99"}})", R"({"data.n":{"$gt":500}})",
                           R"({"created_at":{"$gte":"2026-01-01"}})"}) {
    const auto filter = held(from_json(form));
    int found = 0;
    auto best = std::chrono::nanoseconds::max();
    for (int round = 0; round < 20; ++round) {
      const auto begin = std::chrono::steady_clock::now();
      for (const auto& row : rows) found += filter.matches(row);
      best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
    }
    CHECK(found > 0);
    INFO(form << ": " << best.count() / 1000 << " us");
    CHECK(best < std::chrono::milliseconds(5));  // far above what it takes, for slow builds with sanitizers
  }
}

}  // namespace luthier::rest
