// The log on a disk that loses power, tears writes and reports errors, at every operation of a scripted day.
#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <set>

#include "events/log/log_fixture.hpp"
#include "events/log/rocks_log.hpp"
#include "tests/faults/fault_env.hpp"

using namespace luthier;
using namespace luthier::log;
using namespace luthier::log::testing;
using namespace luthier::faults;

namespace {

// A log on a fault disk, everything that it acknowledged, and a judge outside of it.
class Day {
 public:
  explicit Day(bool sync = true, bool with_anchor = true)
      : sync_(sync), anchor_(with_anchor ? std::make_shared<MemoryAnchor>() : nullptr) {
    env_.disk().make_directory("/data");
  }

  FaultDisk& disk() { return env_.disk(); }
  MemoryAnchor& anchor() { return *anchor_; }

  Result<void> open() {
    RocksLogOptions options;
    options.directory = "/data/log";
    options.anchor = anchor_;
    options.env = env_.env();
    options.log_id = "0123456789abcdef0123456789abcdef";
    options.background_work = false;
    options.sync = sync_;
    auto log = RocksLog::open(options);
    if (!log) return log.error();
    log_ = std::move(*log);
    return {};
  }
  void close() { log_.reset(); }
  RocksLog& log() { return *log_; }

  // Twelve batches of commands, with a restart in the middle; ends at the first error.
  void work() {
    if (!open()) return;
    for (int batch = 0; batch < 12; ++batch) {
      if (batch == 6) {
        close();
        if (!open()) return;
      }
      if (!send(commands(batch))) return;
    }
  }

  // Repeats whatever has no receipt, as clients do.
  void send_again() {
    for (int batch = 0; batch < 12; ++batch) REQUIRE(send(commands(batch)));
  }

  bool send(const std::vector<Append>& appends) {
    const auto written = log_->append(appends, ++now_);
    if (!written) return false;
    for (const auto& answer : written->answers) {
      REQUIRE(answer);
      const auto [known, is_new] = receipts_.emplace(answer->command, *answer);
      CHECK(known->second == *answer);  // a repeated command hears the same again
    }
    return true;
  }

  // How many of the receipts that were given are no longer true.
  int lost() const {
    int count = 0;
    for (const auto& [key, receipt] : receipts_) {
      const auto found = log_->find_receipt(key);
      const bool is_kept = found && *found && **found == receipt;
      const auto record = log_->read(receipt.position, 1);
      const bool has_record = receipt.position == 0 || (record && !record->empty() && record->front().hash == receipt.hash);
      count += is_kept && has_record ? 0 : 1;
    }
    return count;
  }

  // Everything once, in order, without a gap. RocksLog::open has verified the chain.
  void check_complete() const {
    const auto records = log_->read(1, 1000);
    REQUIRE(records);
    std::set<CommandKey> commands;
    std::map<StreamKey, Version> versions;
    for (std::size_t i = 0; i < records->size(); ++i) {
      const Record& record = (*records)[i];
      CHECK(record.position == static_cast<Position>(i + 1));
      CHECK(record.version == ++versions[record.stream]);
      commands.insert(record.command);
    }
    CHECK(records->size() == 12 * 3);
    CHECK(commands.size() == 12 * 2);
    for (const auto& [stream, version] : versions) {
      const auto stream_records = log_->read_stream(stream, 1, 1000);
      REQUIRE(stream_records);
      CHECK(static_cast<Version>(stream_records->size()) == version);
    }
  }

 private:
  // Two commands with effects, one of them on two streams, and one that is refused.
  static std::vector<Append> commands(int batch) {
    const std::string id = std::to_string(batch), data = "{\"text\":\"" + std::string(200 + 37 * batch, 'x') + "\"}";
    Append both;
    both.command = command("both" + id);
    both.command_digest = "both";
    both.expected = {{model("a"), 2 * batch}, {model("b"), batch}};
    both.events = {event(model("a"), "ModelUpdated", "a", data), event(model("b"), "ModelUpdated", "b")};
    return {both, refuse_one("no" + id, "not allowed"), append_one("one" + id, "a", 2 * batch + 1, data)};
  }

  bool sync_;
  std::shared_ptr<MemoryAnchor> anchor_;
  FaultEnv env_;
  std::unique_ptr<RocksLog> log_;
  std::map<CommandKey, Receipt> receipts_;
  Timestamp now_ = 0;
};

std::int64_t operations_of_a_day(bool sync) {
  Day day(sync, false);
  day.work();
  day.close();
  return day.disk().counts().all();
}

// Cuts the power at operation `cut`, restarts, and counts what was acknowledged and is gone.
int lost_after_cut(Day& day, std::int64_t cut, Remains remains, std::size_t bytes_through) {
  day.disk().cut_power_at(cut, bytes_through);
  day.work();
  day.close();
  day.disk().cut_power();  // where the day was over first
  day.disk().restore_power(remains);
  const auto opened = day.open();
  INFO("power cut at operation " << cut << ", remains " << remains.part << " seed " << remains.seed << ": "
                                 << (opened ? "" : opened.error().message));
  REQUIRE(opened);
  return day.lost();
}

}  // namespace

TEST_CASE("invariant 1: a receipt outlives a power cut at any write or sync") {
  const auto operations = operations_of_a_day(true);
  REQUIRE(operations > 60);
  for (const auto part : {Remains::nothing, Remains::everything, Remains::some}) {
    for (std::int64_t cut = 1; cut <= operations + 1; ++cut) {
      Day day;
      const auto seed = static_cast<std::uint64_t>(cut) * 7919;
      INFO("cut at " << cut << " of " << operations << ", remains " << part << ", seed " << seed);
      CHECK(lost_after_cut(day, cut, {part, seed}, seed % 400) == 0);
      day.send_again();
      day.check_complete();
    }
  }
}

TEST_CASE("a log that does not sync is seen to lose receipts in the same test") {
  const auto operations = operations_of_a_day(false);
  int lost = 0;
  for (std::int64_t cut = 1; cut <= operations; cut += 3) {
    Day day(false, false);
    lost += lost_after_cut(day, cut, {Remains::nothing, 0}, 0);
  }
  CHECK(lost > 0);
}

TEST_CASE("a write that tears at any byte leaves the log as it was before it") {
  const auto torn = append_one("2", "a", 1, "\"" + std::string(100, 'x') + "\"");
  std::size_t written = 1;
  for (std::size_t bytes = 0; bytes <= written; bytes += bytes < 40 ? 1 : 11) {
    Day day;
    REQUIRE(day.open());
    REQUIRE(day.send({append_one("1", "a", 0)}));
    const auto before = day.disk().used_bytes();
    day.disk().cut_power_at(1, bytes);
    REQUIRE_FALSE(day.send({torn}));
    if (day.disk().used_bytes() == before + bytes) written = bytes + 1;  // there was more to write
    day.close();
    day.disk().restore_power({Remains::everything, 0});
    const auto opened = day.open();
    INFO(bytes << " bytes of the write reached the disk: " << (opened ? "" : opened.error().message));
    REQUIRE(opened);
    CHECK(day.lost() == 0);
    CHECK(day.log().head().position <= 2);
    REQUIRE(day.send({torn}));
    CHECK(day.log().head().position == 2);
  }
}

TEST_CASE("after a failed write or sync nothing is acknowledged until a restart, and then everything is true") {
  for (const bool is_sync : {true, false})
    for (const auto fault : {Fault::io_error, Fault::disk_full})
      for (int nth = 1; nth <= 8; ++nth) {
        INFO((is_sync ? "sync " : "write ") << nth << (fault == Fault::disk_full ? " disk full" : " error"));
        Day day;
        REQUIRE(day.open());
        if (is_sync) day.disk().fail_sync(nth, fault);
        else day.disk().fail_write(nth, fault, 11 * static_cast<std::size_t>(nth));
        int accepted = 0;
        Version version = 0;
        while (day.send({append_one(std::to_string(version), "a", version)})) ++version, ++accepted;
        CHECK(accepted == nth - 1);
        for (int i = 0; i < 3; ++i) {  // the disk would work again; the log must not try
          const auto refused = append_alone(day.log(), append_one("later", "b", 0));
          REQUIRE_FALSE(refused);
          CHECK(refused.error().code == ErrorCode::io);
          CHECK(refused.error().message.find("restart") != std::string::npos);
        }
        CHECK(day.log().read(1, 100)->size() == static_cast<std::size_t>(accepted));  // what was acknowledged is still served
        day.close();
        // With the power cut as well: what a failed sync left behind in the page cache is gone.
        day.disk().cut_power();
        day.disk().restore_power({Remains::nothing, 0});
        REQUIRE(day.open());
        CHECK(day.lost() == 0);
        CHECK(day.send({append_one(std::to_string(version), "a", version)}));
        CHECK(day.log().head().position == accepted + 1);
      }
}

TEST_CASE("a full disk says so, and the log goes on after space was made and a restart") {
  Day day;
  REQUIRE(day.open());
  REQUIRE(day.send({append_one("1", "a", 0)}));
  day.disk().set_capacity(20'000);
  std::optional<Error> error;
  Version version = 1;
  while (!error && version < 1000) {
    const auto receipt = append_alone(day.log(), append_one("c" + std::to_string(version), "a", version,
                                                            "\"" + std::string(500, 'x') + "\""));
    if (receipt) ++version;
    else error = receipt.error();
  }
  REQUIRE(error);
  CHECK(error->code == ErrorCode::io);
  CHECK(error->message.find("the disk is full") != std::string::npos);
  CHECK(error->message.find("/data/log") != std::string::npos);
  day.close();
  day.disk().set_capacity(std::nullopt);
  REQUIRE(day.open());
  CHECK(day.lost() == 0);
  CHECK(day.log().head().position >= version);
}

TEST_CASE("a log that lost acknowledged events refuses to start and names both positions") {
  Day day;
  day.work();
  const auto head = day.log().head().position;
  day.close();
  for (const auto& path : day.disk().paths()) {
    if (!path.ends_with(".log")) continue;
    auto& bytes = day.disk().file(path)->bytes;
    bytes.resize(bytes.size() / 2);
  }
  const auto opened = day.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::corrupt);
  CHECK(opened.error().message.find("position " + std::to_string(head) + " was acknowledged") != std::string::npos);
  CHECK(opened.error().message.find("the log ends at position ") != std::string::npos);
}

TEST_CASE("a high-water mark that a power cut made older refuses nothing") {
  Day day;
  day.work();
  day.close();
  day.anchor().cut_power();
  day.disk().cut_power();
  day.disk().restore_power({Remains::nothing, 0});
  REQUIRE(day.open());
  CHECK(day.lost() == 0);
}
