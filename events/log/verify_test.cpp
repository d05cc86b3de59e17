// `audit verify` on whole, damaged, cut and live logs.
#include "events/log/verify.hpp"

#include <catch2/catch.hpp>
#include <rocksdb/db.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "events/base/file.hpp"
#include "events/log/log_fixture.hpp"
#include "events/log/record.hpp"
#include "events/log/rocks_keys.hpp"
#include "events/log/rocks_log.hpp"

using namespace luthier;
using namespace luthier::log;
using namespace luthier::log::testing;
namespace fs = std::filesystem;

namespace {

std::string read_all(const fs::path& file) {
  auto text = read_text(file, 1 << 28);
  REQUIRE(text);
  return std::move(*text);
}

void write_all(const fs::path& file, const std::string& bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << bytes;
  REQUIRE(out.flush());
}

// A directory as `luthier up` has it: log/ and anchor.
class Data {
 public:
  explicit Data(std::size_t write_buffer_bytes = 16 << 20) : write_buffer_bytes_(write_buffer_bytes) { open(); }
  fs::path log_directory() const { return directory_.path() / "log"; }
  fs::path anchor_file() const { return directory_.path() / "anchor"; }
  RocksLog& log() { return *log_; }

  void open() {
    log_.reset();
    RocksLogOptions options;
    options.directory = log_directory();
    options.anchor_file = anchor_file();
    options.write_buffer_bytes = write_buffer_bytes_;
    auto log = RocksLog::open(options);
    INFO((log ? "" : log.error().message));
    REQUIRE(log);
    log_ = std::move(*log);
  }
  void close() { log_.reset(); }

  // `count` events on ten streams, each followed by a refused command, ten to a batch.
  void fill(int count) {
    std::vector<Append> batch;
    for (int i = 1; i <= count; ++i) {
      const int n = written_++;
      const std::string name = "m" + std::to_string(n % 10), id = std::to_string(n);
      batch.push_back(append_one("c" + id, name, n / 10, "{\"text\":\"" + std::string(100 + n % 300, 'x') + "\"}"));
      batch.push_back(refuse_one("r" + id, "no"));
      if (i % 10 != 0 && i != count) continue;
      const auto written = log_->append(batch, n);
      REQUIRE(written);
      for (const auto& answer : written->answers) REQUIRE(answer);
      batch.clear();
    }
  }

  VerifyReport verify() const { return verify_log(log_directory(), {.patience = std::chrono::milliseconds(0)}); }
  // The log without its anchor: what a copy is.
  VerifyReport verify_alone() const {
    return verify_log(log_directory(), {.anchor_file = "/nonexistent/anchor", .patience = std::chrono::milliseconds(0)});
  }

  // Changes keys behind the log's back, with correct checksums, as somebody who covers his tracks would.
  template <class Change>
  void tamper(Change change) {
    close();
    rocksdb::DB* raw = nullptr;
    REQUIRE(rocksdb::DB::Open(rocks::options({}), log_directory().string(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    change(*db);
  }

 private:
  LogDirectory directory_;
  std::size_t write_buffer_bytes_;
  std::unique_ptr<RocksLog> log_;
  int written_ = 0;
};

std::string all_of(const VerifyReport& report) {
  std::string text;
  for (const auto& finding : report.findings) text += finding + "\n";
  for (const auto& note : report.notes) text += "note: " + note + "\n";
  return text;
}

bool says(const VerifyReport& report, const std::string& words) { return all_of(report).find(words) != std::string::npos; }

std::string get(rocksdb::DB& db, const std::string& key) {
  std::string value;
  REQUIRE(db.Get({}, key, &value).ok());
  return value;
}

// Positions of the records whose bytes lie around `offset`: values are stored as they are, so they can be found.
std::optional<Position> record_around(const std::string& bytes, std::size_t offset) {
  const auto begin = bytes.rfind("{\"position\":", offset);
  if (begin == std::string::npos) return std::nullopt;
  const auto end = bytes.find("\",\"hash\":\"", begin);
  if (end == std::string::npos || offset >= end + 10 + 64) return std::nullopt;
  return std::atoll(bytes.c_str() + begin + 12);
}

}  // namespace

TEST_CASE("a whole log verifies, empty, in the journal and in tables") {
  Data data;
  CHECK(data.verify().ok);
  data.fill(200);
  for (int round = 0; round < 2; ++round) {
    const auto report = data.verify();
    INFO(all_of(report));
    CHECK(report.ok);
    CHECK(report.head.position == 200);
    CHECK(report.head.hash == data.log().head().hash);
    CHECK(report.head_time == data.log().read(200, 1)->at(0).time);
    CHECK(report.log_id == data.log().log_id());
    CHECK_FALSE(report.first_bad);
    CHECK(report.notes.empty());
    data.open();
  }
}

TEST_CASE("a log without its anchor verifies with a note") {
  Data data;
  data.fill(3);
  data.close();
  fs::remove(data.anchor_file());
  const auto report = data.verify();
  CHECK(report.ok);
  CHECK(says(report, "no high-water mark"));
}

TEST_CASE("a place without a log does not verify, and stays as it was") {
  const LogDirectory directory;
  CHECK_FALSE(verify_log(directory.path() / "log").ok);
  CHECK_FALSE(fs::exists(directory.path() / "log"));
  fs::create_directory(directory.path() / "log");
  const auto report = verify_log(directory.path() / "log/", {.patience = std::chrono::milliseconds(0)});
  INFO(all_of(report));
  CHECK_FALSE(report.ok);
  CHECK(fs::is_empty(directory.path() / "log"));
}

TEST_CASE("verifying changes no byte") {
  Data data;
  data.fill(20);
  data.close();
  const auto contents = [&] {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(data.log_directory())) files[entry.path()] = read_all(entry.path());
    return files;
  };
  const auto before = contents();
  CHECK(data.verify().ok);
  CHECK(contents() == before);
}

TEST_CASE("invariant 5: one changed byte anywhere in the files is found, with the position of the record that it hit") {
  Data data;
  data.fill(140);
  data.open();  // these go into a table
  data.fill(60);  // and these stay in the write-ahead log
  data.close();
  std::mt19937 random(20261123);
  int in_records = 0, harmless = 0;
  for (const auto& entry : fs::directory_iterator(data.log_directory())) {
    const auto name = entry.path().filename().string();
    const bool is_data = name.ends_with(".sst") || name.ends_with(".log");
    if (!is_data && !name.starts_with("MANIFEST-") && name != "CURRENT") continue;
    const std::string bytes = read_all(entry.path());
    for (int round = 0; round < (is_data ? 100 : 30) && !bytes.empty(); ++round) {
      const auto offset = random() % bytes.size();
      std::string damaged = bytes;
      damaged[offset] = static_cast<char>(damaged[offset] ^ (1 << random() % 8));
      write_all(entry.path(), damaged);
      const auto report = data.verify_alone();
      INFO(name << " byte " << offset << " of " << bytes.size() << "\n" << all_of(report));
      if (const auto hit = is_data ? record_around(bytes, offset) : std::nullopt) {
        ++in_records;
        REQUIRE_FALSE(report.ok);
        REQUIRE(report.first_bad);
        CHECK(*report.first_bad <= *hit);       // a table's block has one checksum for a few records
        CHECK(*report.first_bad >= *hit - 20);
      }
      if (report.ok) {
        ++harmless;
        CHECK(report.head.position == 200);
      }
    }
    write_all(entry.path(), bytes);
  }
  CHECK(in_records > 60);
  CHECK(harmless < 10);
  const auto report = data.verify();
  INFO(all_of(report));
  CHECK(report.ok);
}

TEST_CASE("a log with a changed byte in its journal is not opened, whatever the byte") {
  Data data;
  data.fill(40);
  data.close();
  std::mt19937 random(7);
  for (const auto& entry : fs::directory_iterator(data.log_directory())) {
    if (entry.path().extension() != ".log") continue;
    const std::string bytes = read_all(entry.path());
    const LogDirectory scratch;
    for (int round = 0; round < 60; ++round) {
      // The first records, so that what is lost is in the middle; all eight bits of a type byte among them.
      const auto offset = round < 8 ? 6 : random() % (bytes.size() / 2);
      std::string damaged = bytes;
      damaged[offset] = static_cast<char>(damaged[offset] ^ (1 << (round < 8 ? round : random() % 8)));
      const auto copy = scratch.path() / std::to_string(round);
      fs::create_directory(copy);
      fs::copy(data.log_directory(), copy / "log", fs::copy_options::recursive);
      write_all(copy / "log" / entry.path().filename(), damaged);
      RocksLogOptions options;
      options.directory = copy / "log";  // and no anchor that would notice
      const auto log = RocksLog::open(options);
      INFO("byte " << offset);
      REQUIRE_FALSE(log);
      CHECK(log.error().code == ErrorCode::corrupt);
    }
  }
}

TEST_CASE("a record that was changed together with every checksum of RocksDB is found by its position") {
  Data data;
  data.fill(30);
  SECTION("its bytes") {
    data.tamper([](rocksdb::DB& db) {
      auto value = get(db, rocks::record_key(17));
      value[value.find("xxx")] = 'y';
      REQUIRE(db.Put({}, rocks::record_key(17), value).ok());
    });
  }
  SECTION("its bytes and its hash") {
    data.tamper([](rocksdb::DB& db) {
      auto record = decode_record(get(db, rocks::record_key(16)));
      REQUIRE(record);
      record->data = "{}";
      REQUIRE(db.Put({}, rocks::record_key(16), seal(*record)).ok());
    });
  }
  SECTION("removed") {
    data.tamper([](rocksdb::DB& db) { REQUIRE(db.Delete({}, rocks::record_key(17)).ok()); });
  }
  SECTION("exchanged with another") {
    data.tamper([](rocksdb::DB& db) {
      const auto other = get(db, rocks::record_key(18)), one = get(db, rocks::record_key(17));
      REQUIRE(db.Put({}, rocks::record_key(17), other).ok());
      REQUIRE(db.Put({}, rocks::record_key(18), one).ok());
    });
  }
  const auto report = data.verify();
  INFO(all_of(report));
  CHECK_FALSE(report.ok);
  CHECK(report.first_bad == 17);
  CHECK(report.head.position == 16);

  RocksLogOptions options;
  options.directory = data.log_directory();
  options.anchor_file = data.anchor_file();
  const auto log = RocksLog::open(options);
  REQUIRE_FALSE(log);
  CHECK(log.error().code == ErrorCode::corrupt);
  CHECK(log.error().message.find("position 17") != std::string::npos);
}

TEST_CASE("a tail that was cut off is found by the anchor, and a history written anew as well") {
  Data data;
  data.fill(30);
  SECTION("cut") {
    data.tamper([](rocksdb::DB& db) {
      for (Position position = 26; position <= 30; ++position) REQUIRE(db.Delete({}, rocks::record_key(position)).ok());
    });
    const auto report = data.verify();
    INFO(all_of(report));
    CHECK_FALSE(report.ok);
    CHECK(report.first_bad == 26);
    CHECK(says(report, "position 30 was acknowledged"));
  }
  SECTION("written anew") {
    data.tamper([](rocksdb::DB& db) {
      auto record = decode_record(get(db, rocks::record_key(30)));
      REQUIRE(record);
      record->data = "{}";
      REQUIRE(db.Put({}, rocks::record_key(30), seal(*record)).ok());
      auto receipt = decode_receipt(record->command, get(db, rocks::receipt_key(record->command)));
      REQUIRE(receipt);
      receipt->hash = record->hash;
      REQUIRE(db.Put({}, rocks::receipt_key(record->command), encode_receipt(*receipt)).ok());
    });
    const auto report = data.verify();
    INFO(all_of(report));
    CHECK_FALSE(report.ok);
    CHECK(report.first_bad == 30);
    CHECK(says(report, "was acknowledged"));
  }
  SECTION("another log in its place") {
    Data other;
    other.fill(30);
    other.close();
    data.close();
    fs::copy(other.anchor_file(), data.anchor_file(), fs::copy_options::overwrite_existing);
    const auto report = data.verify();
    CHECK_FALSE(report.ok);
    CHECK(says(report, "belongs to log"));
    RocksLogOptions options;
    options.directory = data.log_directory();
    options.anchor_file = data.anchor_file();
    const auto log = RocksLog::open(options);
    REQUIRE_FALSE(log);
    CHECK(log.error().message.find("belongs to log") != std::string::npos);
  }
}

TEST_CASE("an index that disagrees with the records is found") {
  Data data;
  data.fill(30);
  const auto found = [&](const std::string& words, auto change) {
    data.tamper(change);
    const auto report = data.verify();
    INFO(all_of(report));
    CHECK_FALSE(report.ok);
    CHECK(says(report, words));
    return report.first_bad;
  };
  using DB = rocksdb::DB;
  SECTION("stream entry gone") {
    CHECK(found("position 14: its entry in the index of streams is missing", [](DB& db) { db.Delete({}, rocks::stream_key(model("m3"), 2)); }) == 14);
  }
  SECTION("stream entry wrong") {
    CHECK(found("position 14: its entry in the index of streams says something else",
                [](DB& db) { db.Put({}, rocks::stream_key(model("m3"), 2), "15"); }) == 14);
  }
  SECTION("stream entry too many") {
    found("the index of streams has 31 entries; the records make 30",
          [](DB& db) { db.Put({}, rocks::stream_key(model("m3"), 9), "15"); });
  }
  SECTION("name gone") {
    CHECK(found("position 4: its entry in the index of names is missing", [](DB& db) { db.Delete({}, rocks::name_key("model", "default", "m3", 4)); }) == 4);
  }
  SECTION("name too many") {
    found("the index of names has 11 entries", [](DB& db) { db.Put({}, rocks::name_key("model", "default", "x", 4), "y"); });
  }
  SECTION("head wrong") {
    CHECK(found("the head of model model-m3", [](DB& db) {
            db.Put({}, rocks::head_key(model("m3")), encode_head({2, 14, "default", "m3"}));
          }) == 24);
  }
  SECTION("head gone") {
    found("the table of stream heads has 9 entries", [](DB& db) { db.Delete({}, rocks::head_key(model("m3"))); });
  }
  SECTION("head of nothing") {
    found("a stream without events", [](DB& db) { db.Put({}, rocks::head_key(model("q")), encode_head({2, 14, "default", "q"})); });
  }
  SECTION("receipt gone") {
    CHECK(found("the receipt of command 'c13' is missing", [](DB& db) { db.Delete({}, rocks::receipt_key(command("c13"))); }) == 14);
  }
  SECTION("receipt changed") {
    CHECK(found("the receipt of command 'c13' does not agree", [](DB& db) {
            auto receipt = decode_receipt(command("c13"), get(db, rocks::receipt_key(command("c13"))));
            receipt->version = 9;
            db.Put({}, rocks::receipt_key(command("c13")), encode_receipt(*receipt));
          }) == 14);
  }
  SECTION("receipt of a refusal damaged") {
    found("the table of receipts has an entry that is damaged",
          [](DB& db) { db.Put({}, rocks::receipt_key(command("r13")), "{}"); });
  }
  SECTION("receipt of a refusal with another hash") {
    CHECK(found("does not have the hash that the receipt of command 'r13' names", [](DB& db) {
            auto receipt = decode_receipt(command("r13"), get(db, rocks::receipt_key(command("r13"))));
            receipt->hash = Hash(64, 'a');
            db.Put({}, rocks::receipt_key(command("r13")), encode_receipt(*receipt));
          }) == 14);
  }
  SECTION("receipt of events that are not there") {
    found("the table of receipts has 31 entries", [](DB& db) {
      Receipt receipt;
      receipt.events = {"ModelCreated"};
      db.Put({}, rocks::receipt_key(command("forged")), encode_receipt(receipt));
    });
  }
  SECTION("the log's id") {
    found("is not an event log", [](DB& db) { db.Delete({}, std::string(rocks::log_id_key)); });
  }
}

TEST_CASE("a command that took effect twice is found") {
  const LogDirectory directory;
  RocksLogOptions options;
  options.directory = directory.path() / "log";
  options.anchor_file = directory.path() / "anchor";
  options.find_duplicates = false;
  {
    auto log = RocksLog::open(options);
    REQUIRE(log);
    REQUIRE(append_alone(**log, append_one("c1", "a", 0)));
    REQUIRE(append_alone(**log, append_one("c2", "a", 1)));
    REQUIRE(append_alone(**log, append_one("c1", "a", 2)));
  }
  const auto report = verify_log(options.directory);
  INFO(all_of(report));
  CHECK_FALSE(report.ok);
  CHECK(report.first_bad == 1);
  CHECK(says(report, "the receipt of command 'c1' does not agree with its events (it names position 3)"));
}

TEST_CASE("an incomplete record at the end is damage only when it may have been acknowledged") {
  Data data;
  data.fill(9);
  data.fill(1);
  data.close();
  fs::path journal;
  for (const auto& entry : fs::directory_iterator(data.log_directory()))
    if (entry.path().extension() == ".log") journal = entry.path();
  const auto bytes = read_all(journal);

  write_all(journal, bytes + std::string("\x12\x34\x56\x78\x00\x10\x01torn", 11));  // a write that a power cut interrupted
  auto report = data.verify();
  INFO(all_of(report));
  CHECK(report.ok);
  CHECK(says(report, "was never acknowledged"));
  CHECK_FALSE(data.verify_alone().ok);  // nobody can tell

  write_all(journal, bytes.substr(0, bytes.size() - 1));  // the last acknowledged record, cut
  report = data.verify();
  INFO(all_of(report));
  CHECK_FALSE(report.ok);
  CHECK(report.first_bad == 10);
  CHECK(data.verify_alone().first_bad == 10);
}

TEST_CASE("a changed byte in the last record is found, and the log is not opened, though it could be a torn one") {
  Data data;
  data.fill(9);
  data.fill(1);
  data.close();
  fs::path journal;
  for (const auto& entry : fs::directory_iterator(data.log_directory()))
    if (entry.path().extension() == ".log") journal = entry.path();
  const auto bytes = read_all(journal);
  const auto last = bytes.rfind("{\"position\":10,");
  REQUIRE(last != std::string::npos);
  // Its contents, and the header of its entry: 7 bytes of the journal, 12 of the batch, 2 before the first key.
  const auto header = bytes.rfind("record/", last) - 2 - 12 - 7;
  for (std::size_t offset = header; offset < header + 40; ++offset)
    for (int bit = static_cast<int>(offset % 3); bit < 8; bit += 3) {
      auto damaged = bytes;
      damaged[offset] = static_cast<char>(damaged[offset] ^ 1 << bit);
      write_all(journal, damaged);
      const auto report = data.verify();
      INFO("byte " << offset - header << " bit " << bit << "\n" << all_of(report));
      CHECK_FALSE(report.ok);
      CHECK(report.first_bad == 10);
      CHECK(data.verify_alone().first_bad == 10);
      const LogDirectory scratch;
      fs::copy(data.log_directory().parent_path(), scratch.path(), fs::copy_options::recursive);
      RocksLogOptions options;
      options.directory = scratch.path() / "log";
      options.anchor_file = scratch.path() / "anchor";
      const auto log = RocksLog::open(options);
      REQUIRE_FALSE(log);
      CHECK(log.error().code == ErrorCode::corrupt);
    }
}

TEST_CASE("an entry of the journal that is there twice is found, and RocksDB never sees it") {
  Data data;
  data.fill(10);
  data.close();
  for (const auto& entry : fs::directory_iterator(data.log_directory())) {
    if (entry.path().extension() != ".log") continue;
    const auto bytes = read_all(entry.path());
    write_all(entry.path(), bytes + bytes);
  }
  const auto report = data.verify();
  INFO(all_of(report));
  CHECK_FALSE(report.ok);
  CHECK(says(report, "is out of order"));
  RocksLogOptions options;
  options.directory = data.log_directory();
  const auto log = RocksLog::open(options);
  REQUIRE_FALSE(log);
  CHECK(log.error().code == ErrorCode::corrupt);
}

TEST_CASE("a log verifies while a server writes to it, fills tables and merges them") {
  Data data(128 << 10);
  data.fill(50);
  std::atomic<bool> done = false;
  std::thread auditor([&] {
    for (int round = 0; round < 20; ++round) {
      const auto report = verify_log(data.log_directory(), {.patience = std::chrono::milliseconds(20)});
      if (!report.ok) {
        UNSCOPED_INFO(all_of(report));
        CHECK(report.ok);
      }
      if (report.head.position < 50) CHECK(report.head.position >= 50);
    }
    done = true;
  });
  while (!done) {
    data.fill(5);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  auditor.join();
  CHECK(data.log().head().position > 60);
}
