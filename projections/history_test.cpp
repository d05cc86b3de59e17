#include "projections/history.hpp"

#include "events/json/value.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::projections {
namespace {

using namespace events;

std::vector<std::string> types_of(const History& history) {
  std::vector<std::string> types;
  for (const auto& event : history.events) types.push_back(*json::parse(event)->find("type")->text());
  return types;
}

}  // namespace

TEST_CASE("an event is a CloudEvent whose extensions say where it is in the log and what it follows from") {
  log::Record record;
  record.position = 42;
  record.stream = {"model", "model-x"};
  record.version = 1;
  record.workspace = "default";
  record.name = "smol";
  record.type = "ModelCreated";
  record.time = 1'795'464'904'123'456;
  record.command = {"ada", "default", "01JD"};
  record.causation = "7";
  record.data = R"({"fileset":"default/smol"})";
  record.previous = "8e";
  record.hash = "9f";
  CHECK(to_cloud_event(record) ==
        R"({"specversion":"1.0","id":"42","source":"/workspaces/default/models/smol","type":"luthier.ModelCreated.v1",)"
        R"("time":")" + format_time(record.time) + R"(","datacontenttype":"application/json","position":42,"version":1,)"
        R"("commandid":"01JD","correlationid":"01JD","causationid":"7","principal":"ada","previoushash":"8e","hash":"9f",)"
        R"("data":{"fileset":"default/smol"}})");
  record.correlation = "whole";
  record.causation.clear();
  record.traceparent = "00-1-2-01";
  const auto event = json::parse(to_cloud_event(record));
  REQUIRE(event);
  CHECK(*event->find("correlationid")->text() == "whole");
  CHECK(*event->find("traceparent")->text() == "00-1-2-01");
  CHECK_FALSE(event->find("causationid"));
}

TEST_CASE("the history of a name has the events of every entity that had it") {
  StoryLog told;
  told.workshop();
  told.must("smol", DeleteModel{});
  told.must("smol", CreateModel{"smol-files", "", ""});
  const auto all = history(told.log, {"model", "default", "smol", 1, 100});
  REQUIRE(all);
  CHECK(types_of(*all) == std::vector<std::string>{"luthier.ModelCreated.v1", "luthier.ModelSpecFilled.v1", "luthier.ModelDeleted.v1",
                                                  "luthier.ModelCreated.v1"});
  CHECK(all->next == 0);
  CHECK(history(told.log, {"model", "default", "none", 1, 100})->events.empty());
}

TEST_CASE("a history is read in pages, from any position") {
  StoryLog told;
  told.workshop();
  for (int i = 0; i < 40; ++i) told.must("rows", PutFile{"f" + std::to_string(i), std::string(64, 'a'), 1});
  const auto all = history(told.log, {"fileset", "default", "rows", 1, 1000});
  REQUIRE(all->events.size() == 43);
  for (const std::size_t limit : {1, 7, 42, 43}) {
    std::vector<std::string> pages;
    for (Position from = 1; from != 0;) {
      const auto page = history(told.log, {"fileset", "default", "rows", from, limit});
      REQUIRE(page);
      CHECK(page->events.size() <= limit);
      pages.insert(pages.end(), page->events.begin(), page->events.end());
      from = page->next;
    }
    CHECK(pages == all->events);
  }
  for (Position from = 1; from <= told.log.head().position + 1; ++from) {
    const auto rest = history(told.log, {"fileset", "default", "rows", from, 1000});
    const auto wanted = std::count_if(all->events.begin(), all->events.end(), [&](const std::string& event) {
      return std::get<std::int64_t>(json::parse(event)->find("position")->held) >= from;
    });
    INFO("from " << from);
    CHECK(static_cast<std::ptrdiff_t>(rest->events.size()) == wanted);
  }
}

TEST_CASE("an adapter's history is found in its model's stream, and that of no other adapter") {
  StoryLog told;
  told.workshop();
  told.must("smol", CreateAdapter{"hand", "rows", "", true, LoraShape{8, 16}});
  told.must("smol", CreateAdapter{"hand-2", "rows", "", true, LoraShape{8, 16}});
  told.must("smol", DisableAdapter{"hand"});
  told.must("smol", EnableAdapter{"hand"});
  told.must("smol", DeleteAdapter{"hand"});
  const auto all = history(told.log, {"adapter", "default", "hand", 1, 100});
  CHECK(types_of(*all) == std::vector<std::string>{"luthier.AdapterCreated.v1", "luthier.AdapterDisabled.v1", "luthier.AdapterEnabled.v1",
                                                  "luthier.AdapterDeleted.v1"});
  const auto first = history(told.log, {"adapter", "default", "hand", 1, 2});
  CHECK(first->events.size() == 2);
  const auto second = history(told.log, {"adapter", "default", "hand", first->next, 2});
  CHECK(second->events.size() == 2);
  CHECK(second->next == 0);
  CHECK(second->events.back() == all->events.back());
}

}  // namespace luthier::projections
