#include "projections/projections.hpp"

#include <rocksdb/db.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "events/json/value.hpp"
#include "events/log/log_fixture.hpp"
#include "projections/story_log_test.hpp"

namespace luthier::projections {
namespace {

using log::testing::LogDirectory;

std::unique_ptr<Projections> opened(const LogDirectory& directory) {
  auto projections = Projections::open({directory.path() / "projections"});
  INFO((projections ? "" : projections.error().message));
  REQUIRE(projections);
  return std::move(*projections);
}

}  // namespace

TEST_CASE("invariant 6: folding again from nothing, and up to any past position, gives byte-identical answers") {
  StoryLog told;
  tell_random_story(told, 11, 8000);
  const auto records = records_of(told.log);
  REQUIRE(records.size() > 300);

  const LogDirectory directory;
  std::map<Position, std::string> live;  // what was there, as it was folded in pieces of any length
  {
    auto projections = opened(directory);
    std::mt19937 random(1);
    for (std::size_t at = 0; at < records.size();) {
      const auto piece = std::span(records).subspan(at, std::min<std::size_t>(1 + random() % 20, records.size() - at));
      REQUIRE(projections->apply(piece, facts_of(piece)));
      at += piece.size();
      CHECK(projections->position() == static_cast<Position>(at));
      live[projections->position()] = everything(*projections);
    }
  }
  auto projections = opened(directory);
  CHECK(projections->position() == static_cast<Position>(records.size()));
  CHECK(everything(*projections) == live.rbegin()->second);

  REQUIRE(projections->rebuild(told.log));
  CHECK(everything(*projections) == live.rbegin()->second);

  int compared = 0;
  for (const auto& [position, documents] : live) {
    if (++compared % 3 != 0) continue;
    INFO("position " << position);
    const auto past = read_models_at(told.log, position);
    REQUIRE(past);
    CHECK((*past)->position() == position);
    CHECK(everything(**past) == documents);
  }
}

TEST_CASE("the read models follow the log that they are given, from wherever they are") {
  StoryLog told;
  told.workshop();
  const LogDirectory directory;
  Position seen = 0;
  {
    auto projections = opened(directory);
    CHECK(projections->position() == 0);
    REQUIRE(projections->catch_up(told.log, [&](Position done, Position) { seen = done; }));
    CHECK(seen == told.log.head().position);
  }
  told.must("smol", events::UpdateModel{{}, "described"});
  auto projections = opened(directory);
  CHECK(projections->position() == told.log.head().position - 1);
  REQUIRE(projections->catch_up(told.log));
  CHECK((*projections->get("model", "default", "smol"))->find("described") != std::string::npos);
}

TEST_CASE("a gap is refused, and what was there already is not folded twice") {
  StoryLog told;
  told.workshop();
  const auto records = records_of(told.log);
  const auto facts = facts_of(records);
  const LogDirectory directory;
  auto projections = opened(directory);
  const auto all = std::span(records);
  const auto refused = projections->apply(all.subspan(1), std::span(facts).subspan(1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::internal);
  CHECK(projections->position() == 0);
  REQUIRE(projections->apply(all, facts));
  const std::string before = everything(*projections);
  REQUIRE(projections->apply(all, facts));
  CHECK(everything(*projections) == before);
}

TEST_CASE("read models of another log, or ahead of their log, start again") {
  StoryLog told, other;
  tell_random_story(told, 3, 600);
  other.workshop();
  const LogDirectory directory;
  auto projections = opened(directory);
  REQUIRE(projections->catch_up(told.log));
  REQUIRE(told.log.head().position > other.log.head().position);
  REQUIRE(projections->catch_up(other.log));  // as after a log was restored from a backup
  CHECK(projections->position() == other.log.head().position);
  CHECK(everything(*projections) == everything(**read_models_at(other.log, other.log.head().position)));
  REQUIRE(projections->catch_up(told.log));
  CHECK(everything(*projections) == everything(**read_models_at(told.log, told.log.head().position)));
}

TEST_CASE("damaged read models, and those of an older format, are made again") {
  StoryLog told;
  told.workshop();
  const LogDirectory directory;
  const auto store = directory.path() / "projections";
  std::string before;
  {
    auto projections = opened(directory);
    REQUIRE(projections->catch_up(told.log));
    before = everything(*projections);
  }
  SECTION("a file of the database is overwritten") {
    for (const auto& file : std::filesystem::directory_iterator(store))
      if (file.path().filename().string().starts_with("MANIFEST")) std::ofstream(file.path()) << "nonsense";
  }
  SECTION("a table of the database has a flipped byte") {
    rocksdb::DB* db = nullptr;
    REQUIRE(rocksdb::DB::Open({}, store.string(), &db).ok());
    REQUIRE(db->Flush({}).ok());
    delete db;
    for (const auto& file : std::filesystem::directory_iterator(store)) {
      if (file.path().extension() != ".sst") continue;
      std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      table.seekp(100);
      table.put('\x7f');
    }
  }
  SECTION("a projection was folded by an older program") {
    rocksdb::DB* db = nullptr;
    REQUIRE(rocksdb::DB::Open({}, store.string(), &db).ok());
    REQUIRE(db->Put({}, "mark", R"({"formats":"jobs 0 ","position":3,"hash":""})").ok());
    delete db;
  }
  SECTION("an older program kept their position elsewhere") {
    rocksdb::DB* db = nullptr;
    REQUIRE(rocksdb::DB::Open({}, store.string(), &db).ok());
    REQUIRE(db->Delete({}, "mark").ok());
    delete db;
  }
  auto projections = opened(directory);
  CHECK(projections->position() == 0);
  REQUIRE(projections->catch_up(told.log));
  CHECK(everything(*projections) == before);
}

TEST_CASE("a directory that another process has open is not dropped") {
  StoryLog told;
  told.workshop();
  const LogDirectory directory;
  auto projections = opened(directory);
  REQUIRE(projections->catch_up(told.log));
  const auto second = Projections::open({directory.path() / "projections"});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::io);
  CHECK_FALSE(everything(*projections).empty());
}

TEST_CASE("readers see whole events while the projector writes") {
  StoryLog told;
  told.workshop();
  for (int i = 0; i < 300; ++i) told.must("rows", events::PutFile{"f" + std::to_string(i), std::string(64, 'a'), 1});
  const auto records = records_of(told.log);
  const LogDirectory directory;
  auto projections = opened(directory);
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0, torn = 0;
  std::thread reader([&] {
    while (!done || reads == 0) {
      const auto document = projections->get("fileset", "default", "rows");
      if (!document || !*document) continue;
      const auto row = json::parse(**document);
      const auto count = std::get<std::int64_t>(row->find("file_count")->held);
      if (count != static_cast<std::int64_t>(row->find("files")->array()->size())) ++torn;
      ++reads;
    }
  });
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto one = std::span(records).subspan(i, 1);
    CHECK(projections->apply(one, facts_of(one)));
  }
  done = true;
  reader.join();
  CHECK(reads > 0);
  CHECK(torn == 0);
}

TEST_CASE("a list is read page by page, in the order of names") {
  StoryLog told;
  told.must("default", events::CreateWorkspace{}, "system");
  for (const std::string name : {"bb", "b-b", "aa", "b.b", "cc", "b+b"}) told.must(name, events::CreateFileset{});
  told.must("lab", events::CreateWorkspace{}, "system");
  told.must("zz", events::CreateFileset{}, "lab");
  const auto models = read_models_at(told.log, told.log.head().position);
  std::vector<std::string> names;
  std::string after;
  for (int pages = 1;; ++pages) {
    const auto page = (*models)->list("fileset", "default", after, 2);
    REQUIRE(page);
    for (const auto& item : page->items) names.push_back(*json::parse(item)->find("name")->text());
    if (!page->next) {
      CHECK(pages == 3);
      break;
    }
    after = *page->next;
  }
  CHECK(names == std::vector<std::string>{"aa", "b+b", "b-b", "b.b", "bb", "cc"});
  CHECK((*models)->list("fileset", "nowhere", "", 10)->items.empty());
  CHECK((*models)->list("workspace", "system", "", 10)->items.size() == 2);
}

TEST_CASE("what does not exist is nothing, and an entity that does not exist is an error") {
  StoryLog told;
  told.workshop();
  const auto models = read_models_at(told.log, told.log.head().position);
  CHECK(*(*models)->get("model", "default", "smol"));
  CHECK_FALSE(*(*models)->get("model", "default", "none"));
  CHECK_FALSE(*(*models)->get("model", "default/smol", ""));
  CHECK_FALSE(*(*models)->get("model", "", "default/smol"));
  CHECK((*models)->get("files", "default", "smol").error().code == ErrorCode::invalid);
  CHECK((*models)->list("nested", "default", "", 10).error().code == ErrorCode::invalid);
  CHECK(read_models_at(told.log, told.log.head().position + 1).error().field == "at");
  CHECK(everything(**read_models_at(told.log, 0)).empty());
}

}  // namespace luthier::projections
