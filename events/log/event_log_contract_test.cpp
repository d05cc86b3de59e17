// What every event log promises, asked of the RocksDB log and of its in-memory twin.
#include <catch2/catch.hpp>

#include <memory>

#include "events/log/event_log.hpp"
#include "events/log/log_fixture.hpp"
#include "events/log/memory_log.hpp"
#include "events/log/record.hpp"
#include "events/log/rocks_log.hpp"

using namespace luthier;
using namespace luthier::log;
using namespace luthier::log::testing;

namespace {

class Logs {
 public:
  virtual ~Logs() = default;
  virtual EventLog& log() = 0;
  virtual void reopen() = 0;
};

class MemoryLogs final : public Logs {
 public:
  EventLog& log() override { return log_; }
  void reopen() override {}  // it lives as long as the process

 private:
  MemoryLog log_;
};

class RocksLogs final : public Logs {
 public:
  RocksLogs() { open(); }
  EventLog& log() override { return *log_; }
  void reopen() override {
    log_.reset();
    open();
  }

 private:
  void open() {
    RocksLogOptions options;
    options.directory = directory_.path() / "log";
    options.anchor_file = directory_.path() / "anchor";
    auto log = RocksLog::open(options);
    INFO((log ? "" : log.error().message));
    REQUIRE(log);
    log_ = std::move(*log);
  }

  LogDirectory directory_;
  std::unique_ptr<RocksLog> log_;
};

std::unique_ptr<Logs> each_log() {
  if (GENERATE(true, false)) return std::make_unique<MemoryLogs>();
  return std::make_unique<RocksLogs>();
}

template <class T>
T must(Result<T> result) {
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  return std::move(*result);
}

std::vector<Position> positions(const std::vector<Record>& records) {
  std::vector<Position> out;
  for (const auto& record : records) out.push_back(record.position);
  return out;
}

}  // namespace

TEST_CASE("an empty log stands before position 1") {
  const auto logs = each_log();
  CHECK(logs->log().head().position == 0);
  CHECK(logs->log().head().hash == zero_hash());
  CHECK(must(logs->log().read(1, 10)).empty());
  CHECK(must(logs->log().read_stream(model("a"), 1, 10)).empty());
  CHECK(must(logs->log().streams_of("model", "default", "a")).empty());
  CHECK(must(logs->log().position_at(1)) == 0);
  CHECK_FALSE(must(logs->log().find_receipt(command("x"))));
}

TEST_CASE("a record keeps everything that was appended, also after a restart") {
  const auto logs = each_log();
  Append append = append_one("c1", "smol", 0, R"({"text":"\"\\ä\u0001","list":[1,2.5,null]})");
  append.command.principal = "al\"ice\\\n\x01 ü";
  append.command.workspace = "another";
  append.events[0].type_version = 7;
  append.events[0].workspace = "ws";
  const auto receipt = must(append_alone(logs->log(), append, 1'795'464'904'123'456));
  logs->reopen();

  const auto records = must(logs->log().read(1, 10));
  REQUIRE(records.size() == 1);
  const Record& record = records[0];
  CHECK(record.position == 1);
  CHECK(record.stream == model("smol"));
  CHECK(record.version == 1);
  CHECK(record.workspace == "ws");
  CHECK(record.name == "smol");
  CHECK(record.type == "ModelCreated");
  CHECK(record.type_version == 7);
  CHECK(record.time == 1'795'464'904'123'456);
  CHECK(record.command == append.command);
  CHECK(record.correlation == append.correlation);
  CHECK(record.causation == append.causation);
  CHECK(record.traceparent == append.traceparent);
  CHECK(record.data == append.events[0].data);
  CHECK(record.previous == zero_hash());
  CHECK(record.hash == hash_record(zero_hash(), canonical_text(record)));
  CHECK(receipt.hash == record.hash);
  CHECK(logs->log().head().hash == record.hash);
}

TEST_CASE("positions and versions go up by one, across batches and restarts") {
  const auto logs = each_log();
  std::map<std::string, Version> versions;
  for (int round = 0; round < 6; ++round) {
    std::vector<Append> batch;
    for (int i = 0; i < 7; ++i) {
      const std::string name(1, static_cast<char>('a' + (round * i) % 5));
      batch.push_back(append_one(std::to_string(round) + "." + std::to_string(i), name, versions[name]++));
    }
    for (const auto& answer : must(logs->log().append(batch, round)).answers) CHECK(answer);
    if (round % 2 == 1) logs->reopen();
  }
  const auto all = must(logs->log().read(1, 1000));
  REQUIRE(all.size() == 42);
  std::map<std::string, Version> seen;
  Hash previous = zero_hash();
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].position == static_cast<Position>(i + 1));
    CHECK(all[i].version == ++seen[all[i].name]);
    CHECK(all[i].previous == previous);
    previous = all[i].hash;
  }
  for (const auto& [name, version] : seen) {
    const auto stream = must(logs->log().read_stream(model(name), 1, 1000));
    REQUIRE(static_cast<Version>(stream.size()) == version);
    for (std::size_t i = 0; i < stream.size(); ++i) CHECK(stream[i].version == static_cast<Version>(i + 1));
  }
  CHECK(logs->log().head().position == 42);
  CHECK(logs->log().head().hash == previous);
}

TEST_CASE("a receipt tells position, version, types and hash") {
  const auto logs = each_log();
  must(append_alone(logs->log(), append_one("c1", "a", 0)));
  Append append;
  append.command = command("c2");
  append.command_digest = "d";
  append.expected = {{model("a"), 1}, {model("b"), 0}};
  append.events = {event(model("a"), "ModelUpdated", "a"), event(model("b"), "ModelCreated", "b"),
                   event(model("a"), "ModelSpecFilled", "a")};
  const auto receipt = must(append_alone(logs->log(), append));
  CHECK(receipt.command == append.command);
  CHECK(receipt.command_digest == "d");
  CHECK(receipt.position == 4);
  CHECK(receipt.version == 3);
  CHECK(receipt.events == std::vector<std::string>{"ModelUpdated", "ModelCreated", "ModelSpecFilled"});
  CHECK(receipt.hash == must(logs->log().read(4, 1)).at(0).hash);
  CHECK_FALSE(receipt.refusal);
  CHECK(must(logs->log().find_receipt(append.command)) == receipt);
  logs->reopen();
  CHECK(must(logs->log().find_receipt(append.command)) == receipt);
}

TEST_CASE("an append on another version is a conflict and writes nothing, and the rest of its batch goes on") {
  const auto logs = each_log();
  const std::vector<Append> batch{append_one("c1", "a", 0), append_one("c2", "a", 0), append_one("c3", "a", 5),
                                  append_one("c4", "b", 0)};
  const auto written = must(logs->log().append(batch, 1));
  CHECK(written.records == must(logs->log().read(1, 1000)));  // what it says it has written is what is there
  const auto& answers = written.answers;
  CHECK(answers[0]);
  for (const int refused : {1, 2}) {
    REQUIRE_FALSE(answers[refused]);
    CHECK(answers[refused].error().code == ErrorCode::conflict);
    CHECK(answers[refused].error().message.find("model model-a is at version 1") != std::string::npos);
    CHECK_FALSE(must(logs->log().find_receipt(batch[refused].command)));
  }
  CHECK(must(Result(answers[3])).position == 2);
  CHECK(logs->log().head().position == 2);
}

TEST_CASE("an append may depend on a stream that it does not write") {
  const auto logs = each_log();
  must(append_alone(logs->log(), append_one("c1", "fileset", 0)));
  Append append = append_one("c2", "model", 0);
  append.expected.push_back({model("fileset"), 2});
  CHECK(append_alone(logs->log(), append).error().code == ErrorCode::conflict);
  append.expected.back().version = 1;
  CHECK(append_alone(logs->log(), append));
}

TEST_CASE("an append of several streams is written whole or not at all") {
  const auto logs = each_log();
  Append append;
  append.command = command("c1");
  append.expected = {{model("a"), 0}, {model("b"), 1}};
  append.events = {event(model("a"), "ModelCreated", "a"), event(model("b"), "ModelUpdated", "b")};
  CHECK(append_alone(logs->log(), append).error().code == ErrorCode::conflict);
  CHECK(logs->log().head().position == 0);
  append.expected[1].version = 0;
  CHECK(must(append_alone(logs->log(), append)).position == 2);
}

TEST_CASE("an append decides on what the ones before it in the batch left") {
  const auto logs = each_log();
  const std::vector<Append> batch{append_one("c1", "a", 0), append_one("c2", "a", 1), append_one("c3", "a", 2)};
  const auto answers = must(logs->log().append(batch, 1)).answers;
  for (int i = 0; i < 3; ++i) CHECK(must(Result(answers[i])).version == i + 1);
}

TEST_CASE("a repeated command gets its receipt again, within a batch, later, and after a restart") {
  const auto logs = each_log();
  const auto append = append_one("c1", "a", 0);
  const std::vector<Append> batch{append, append};
  const auto answers = must(logs->log().append(batch, 1)).answers;
  const auto receipt = must(Result(answers[0]));
  CHECK(must(Result(answers[1])) == receipt);
  CHECK(must(append_alone(logs->log(), append)) == receipt);
  logs->reopen();
  CHECK(must(append_alone(logs->log(), append)) == receipt);
  CHECK(logs->log().head().position == 1);
}

TEST_CASE("a refusal is a receipt that is repeated like any other") {
  const auto logs = each_log();
  must(append_alone(logs->log(), append_one("c1", "a", 0)));
  const auto refusal = refuse_one("c2", "model default/a exists already");
  const std::vector<Append> batch{refusal, refusal};
  const auto answers = must(logs->log().append(batch, 1)).answers;
  const auto receipt = must(Result(answers[0]));
  CHECK(receipt.refusal == refusal.refusal);
  CHECK(receipt.position == 1);
  CHECK(receipt.hash == logs->log().head().hash);
  CHECK(receipt.events.empty());
  CHECK(must(Result(answers[1])) == receipt);
  logs->reopen();
  // The same id, now with events: what was answered once stays the answer.
  auto again = append_one("c2", "b", 0);
  CHECK(must(append_alone(logs->log(), again)) == receipt);
  CHECK(logs->log().head().position == 1);
}

TEST_CASE("a command without effect has a receipt with its stream's version") {
  const auto logs = each_log();
  must(append_alone(logs->log(), append_one("c1", "a", 0)));
  Append append = append_one("c2", "a", 1);
  append.events.clear();
  const auto receipt = must(append_alone(logs->log(), append));
  CHECK(receipt.position == 1);
  CHECK(receipt.version == 1);
  CHECK(receipt.events.empty());
  CHECK(logs->log().head().position == 1);
}

TEST_CASE("a command id that was used for something else is a conflict, also within a batch") {
  const auto logs = each_log();
  const auto first = append_one("c1", "a", 0);
  auto other = append_one("c1", "b", 0);
  other.command_digest = "another digest";
  const std::vector<Append> batch{first, other};
  const auto answers = must(logs->log().append(batch, 1)).answers;
  CHECK(answers[0]);
  REQUIRE_FALSE(answers[1]);
  CHECK(answers[1].error().code == ErrorCode::conflict);
  logs->reopen();
  CHECK(append_alone(logs->log(), other).error().code == ErrorCode::conflict);
  // The id alone is not the key: another principal or workspace has its own.
  other.command.principal = "bob";
  CHECK(append_alone(logs->log(), other));
  auto third = append_one("c1", "c", 0);
  third.command.workspace = "elsewhere";
  CHECK(append_alone(logs->log(), third));
}

TEST_CASE("reads keep to their bounds") {
  const auto logs = each_log();
  for (int i = 0; i < 10; ++i) must(append_alone(logs->log(), append_one(std::to_string(i), i % 2 ? "a" : "b", i / 2)));
  const auto& log = logs->log();
  CHECK(positions(must(log.read(1, 3))) == std::vector<Position>{1, 2, 3});
  CHECK(positions(must(log.read(9, 100))) == std::vector<Position>{9, 10});
  CHECK(positions(must(log.read(0, 1))) == std::vector<Position>{1});
  CHECK(positions(must(log.read(-7, 1))) == std::vector<Position>{1});
  CHECK(must(log.read(11, 1)).empty());
  CHECK(must(log.read(1, 0)).empty());
  CHECK(must(log.read(10, static_cast<std::size_t>(-1))).size() == 1);
  CHECK(positions(must(log.read_stream(model("a"), 2, 2))) == std::vector<Position>{4, 6});
  CHECK(positions(must(log.read_stream(model("a"), 5, 99))) == std::vector<Position>{10});
  CHECK(positions(must(log.read_stream(model("a"), 0, 1))) == std::vector<Position>{2});
  CHECK(must(log.read_stream(model("a"), 6, 99)).empty());
  CHECK(must(log.read_stream(model("a"), 1, 0)).empty());
}

TEST_CASE("streams whose ids begin alike stay apart") {
  const auto logs = each_log();
  must(append_alone(logs->log(), append_one("1", "a", 0)));
  must(append_alone(logs->log(), append_one("2", "ab", 0)));
  must(append_alone(logs->log(), append_one("3", "ab", 1)));
  CHECK(positions(must(logs->log().read_stream(model("a"), 1, 9))) == std::vector<Position>{1});
  CHECK(positions(must(logs->log().read_stream(model("ab"), 1, 9))) == std::vector<Position>{2, 3});
  CHECK(must(logs->log().streams_of("model", "default", "a")) == std::vector<StreamKey>{model("a")});
}

TEST_CASE("a name remembers all streams that ever had it, the last one at the end") {
  const auto logs = each_log();
  const auto take = [&](const std::string& id, const StreamKey& stream, Version before, const std::string& name) {
    Append append;
    append.command = command(id);
    append.expected = {{stream, before}};
    append.events = {event(stream, "ModelCreated", name)};
    must(append_alone(logs->log(), append));
  };
  take("1", model("z"), 0, "smol");
  take("2", model("a"), 0, "smol");  // deleted and made again: another id, the same name
  take("3", model("a"), 1, "smol");
  CHECK(must(logs->log().streams_of("model", "default", "smol")) == std::vector<StreamKey>{model("z"), model("a")});
  CHECK(must(logs->log().streams_of("job", "default", "smol")).empty());
  CHECK(must(logs->log().streams_of("model", "other", "smol")).empty());
  take("4", model("z"), 1, "large");  // renamed, and back again
  take("5", model("z"), 2, "smol");
  logs->reopen();
  CHECK(must(logs->log().streams_of("model", "default", "smol")) == std::vector<StreamKey>{model("a"), model("z")});
  CHECK(must(logs->log().streams_of("model", "default", "large")) == std::vector<StreamKey>{model("z")});
}

TEST_CASE("a time gives the last position that is not after it, and time never runs backwards") {
  const auto logs = each_log();
  const std::vector<Timestamp> clock{100, 200, 200, 150, 300};  // set back once
  for (std::size_t i = 0; i < clock.size(); ++i)
    must(append_alone(logs->log(), append_one(std::to_string(i), "a", static_cast<Version>(i)), clock[i]));
  const auto all = must(logs->log().read(1, 10));
  CHECK(all[2].time == 201);  // no two commands have the same time
  CHECK(all[3].time == 202);
  const auto at = [&](Timestamp time) { return must(logs->log().position_at(time)); };
  CHECK(at(99) == 0);
  CHECK(at(100) == 1);
  CHECK(at(199) == 1);
  CHECK(at(200) == 2);
  CHECK(at(202) == 4);
  CHECK(at(299) == 4);
  CHECK(at(300) == 5);
  CHECK(at(1'000'000) == 5);
  logs->reopen();
  must(append_alone(logs->log(), append_one("late", "a", 5), 1));
  CHECK(must(logs->log().read(6, 1)).at(0).time == 301);
}

TEST_CASE("what does not fit into a log is refused by name, and the rest of its batch goes on") {
  const auto logs = each_log();
  const auto refused = [&](const Append& append) {
    const std::vector<Append> batch{append, append_one("good" + std::to_string(logs->log().head().position), "good",
                                                       logs->log().head().position)};
    const auto answers = must(logs->log().append(batch, 1)).answers;
    CHECK(answers[1]);
    REQUIRE_FALSE(answers[0]);
    return answers[0].error();
  };
  auto append = append_one("c1", "a", 0, "{not json");
  CHECK(refused(append).field == "data");
  append = append_one("c1", "a", 0, "");
  CHECK(refused(append).field == "data");
  append = append_one("c1", "a", 0, "{}{}");
  CHECK(refused(append).field == "data");
  append = append_one("c1", "a", 0, "\"" + std::string(5 << 20, 'x') + "\"");
  CHECK(refused(append).code == ErrorCode::limit);
  append = append_one(std::string("c\0", 2), "a", 0);
  CHECK(refused(append).field == "id");
  append = append_one(std::string(2000, 'c'), "a", 0);
  CHECK(refused(append).code == ErrorCode::limit);
  append = append_one("c1", std::string("a\0b", 3), 0);
  CHECK(refused(append).code == ErrorCode::invalid);
  append = append_one("c1", "a", 0);
  append.expected.clear();
  CHECK(refused(append).message.find("model model-a") != std::string::npos);
  append = append_one("c1", "a", 0);
  append.refusal = Error{ErrorCode::conflict, "no", ""};
  CHECK(refused(append).code == ErrorCode::invalid);
  append = append_one("c1", "a", 0);
  append.events.resize(20'000, append.events[0]);
  CHECK(refused(append).code == ErrorCode::limit);
}

TEST_CASE("an empty batch answers nothing") {
  const auto logs = each_log();
  CHECK(must(logs->log().append({}, 1)).answers.empty());
}
