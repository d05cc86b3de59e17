// The invariants of the design that the log keeps, on the log as it is in production. The first stands in power_cut_test.cpp,
// the fifth in verify_test.cpp.
#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

#include "events/log/log_fixture.hpp"
#include "events/log/record.hpp"
#include "events/log/rocks_log.hpp"

using namespace luthier;
using namespace luthier::log;
using namespace luthier::log::testing;

namespace {

RocksLogOptions options_in(const LogDirectory& directory) {
  RocksLogOptions options;
  options.directory = directory.path() / "log";
  options.anchor_file = directory.path() / "anchor";
  return options;
}

std::unique_ptr<RocksLog> must_open(const RocksLogOptions& options) {
  auto log = RocksLog::open(options);
  INFO((log ? "" : log.error().message));
  REQUIRE(log);
  return std::move(*log);
}

}  // namespace

TEST_CASE("invariant 2: positions and versions have no gap whatever is refused, repeated or restarted, and there is one writer") {
  const LogDirectory directory;
  auto options = options_in(directory);
  options.write_buffer_bytes = 64 << 10;  // so that tables are written and merged meanwhile
  auto log = must_open(options);
  std::mt19937 random(2);
  std::map<std::string, Version> versions;
  Position accepted = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Append> batch;
    std::vector<bool> is_right;
    auto pending = versions;
    for (unsigned i = 0; i < 1 + random() % 8; ++i) {
      const std::string name(1, static_cast<char>('a' + random() % 6)), id = std::to_string(round) + "." + std::to_string(i);
      const bool stale = random() % 4 == 0;
      if (random() % 5 == 0) {
        batch.push_back(refuse_one(id, "no"));
        is_right.push_back(true);
        continue;
      }
      batch.push_back(append_one(id, name, pending[name] + (stale ? 1 : 0), "\"" + std::string(random() % 900, 'x') + "\""));
      if (stale) batch.back().events[0].type = "ModelUpdated";
      else ++pending[name], ++accepted;
      is_right.push_back(!stale);
    }
    const auto written = log->append(batch, round);
    REQUIRE(written);
    for (std::size_t i = 0; i < batch.size(); ++i) CHECK(static_cast<bool>(written->answers[i]) == is_right[i]);
    versions = pending;
    if (round % 50 == 49) {
      log.reset();
      log = must_open(options);
    }
  }

  const auto records = log->read(1, 100'000);
  REQUIRE(records);
  CHECK(static_cast<Position>(records->size()) == accepted);
  CHECK(log->head().position == accepted);
  std::map<std::string, Version> seen;
  for (std::size_t i = 0; i < records->size(); ++i) {
    CHECK((*records)[i].position == static_cast<Position>(i + 1));
    CHECK((*records)[i].version == ++seen[(*records)[i].name]);
  }
  for (const auto& [name, version] : versions) CHECK(seen[name] == version);

  const auto second = RocksLog::open(options);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(second.error().message.find("another process has it open") != std::string::npos);
  CHECK(append_alone(*log, append_one("still", "a", versions["a"])));  // the first one does not notice
}

TEST_CASE("invariant 3: the same command id never takes effect twice, whoever repeats it, before or after a restart") {
  const LogDirectory directory;
  const auto options = options_in(directory);
  auto log = must_open(options);
  std::mt19937 random(3);
  std::map<CommandKey, Receipt> first;
  // Each command is decided on the state of its moment, as repetitions are, and sent one to many times in any order.
  for (int round = 0; round < 200; ++round) {
    std::vector<Append> batch;
    for (unsigned i = 0; i < 1 + random() % 5; ++i) {
      const auto n = std::to_string(random() % 100);
      if (random() % 3 == 0) {
        batch.push_back(refuse_one("r" + n, "no"));
      } else {
        const auto known = log->find_receipt(command("c" + n));
        batch.push_back(append_one("c" + n, n, *known ? 1 : 0));
      }
    }
    const auto written = log->append(batch, round);
    REQUIRE(written);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      REQUIRE(written->answers[i]);
      const auto& receipt = *written->answers[i];
      CHECK(receipt == first.emplace(batch[i].command, receipt).first->second);
    }
    if (round % 40 == 39) {
      log.reset();
      log = must_open(options);
    }
  }
  std::set<CommandKey> effective;
  const auto records = log->read(1, 10'000);
  REQUIRE(records);
  for (const auto& record : *records) CHECK(effective.insert(record.command).second);
  CHECK(records->size() > 50);
  for (const auto& [key, receipt] : first) CHECK(*log->find_receipt(key) == receipt);

  auto other = append_one("c1", "other", 0);
  other.command_digest = "of something else";
  CHECK(append_alone(*log, other).error().code == ErrorCode::conflict);
}

TEST_CASE("invariant 4: an append on another version than the stream's is a conflict and leaves nothing behind") {
  const LogDirectory directory;
  auto log = must_open(options_in(directory));
  REQUIRE(append_alone(*log, append_one("1", "a", 0)));
  REQUIRE(append_alone(*log, append_one("2", "a", 1)));
  const auto before = log->head();
  for (const Version wrong : {Version{0}, Version{1}, Version{3}, Version{-1}, Version{1} << 60}) {
    auto append = append_one("wrong" + std::to_string(wrong), "a", wrong);
    append.events.push_back(event(model("a"), "ModelUpdated", "a"));
    const auto answer = append_alone(*log, append);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::conflict);
    CHECK(answer.error().message.find("is at version 2, not " + std::to_string(wrong)) != std::string::npos);
    CHECK_FALSE(*log->find_receipt(append.command));
    // The same command, decided again on what is there now, goes through: a conflict is not a receipt.
  }
  auto depending = append_one("depending", "b", 0);
  depending.expected.push_back({model("a"), 1});
  CHECK(append_alone(*log, depending).error().code == ErrorCode::conflict);
  CHECK(log->head().hash == before.hash);
  depending.expected.back().version = 2;
  CHECK(append_alone(*log, depending));
  CHECK(append_alone(*log, append_one("wrong0", "a", 2)));
}
