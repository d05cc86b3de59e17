#include "actors/api/log_audit.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "events/log/log_fixture.hpp"
#include "events/log/rocks_log.hpp"

using namespace luthier;
using namespace luthier::api;
using namespace luthier::log::testing;

namespace {

class StillPlatform final : public Platform {
 public:
  Result<Done> submit(events::Request) override { return Error{ErrorCode::unavailable, "nothing is decided here", ""}; }
  const projections::ReadModels& read_models() const override { std::abort(); }
  Timestamp now() const override { return 1'700'000'000'000'000; }
  std::string random_bytes(std::size_t count) override { return std::string(count, 'x'); }
};

struct Bench {
  LogDirectory directory;
  StillPlatform platform;
  std::unique_ptr<log::RocksLog> log = open();

  std::filesystem::path log_directory() const { return directory.path() / "log"; }
  std::unique_ptr<log::RocksLog> open() {
    log::RocksLogOptions options;
    options.directory = log_directory();
    options.anchor_file = directory.path() / "anchor";
    auto opened = log::RocksLog::open(options);
    REQUIRE(opened);
    for (int i = 0; i < 5; ++i) REQUIRE(append_alone(**opened, append_one("c" + std::to_string(i), "smol", i)));
    return std::move(*opened);
  }
};

rest::Json ended(const LogAudit& audit) {
  for (int i = 0; i < 2000; ++i) {
    auto status = audit.status();
    if (status["running"].is_null() && !status["last"].is_null()) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL("the verification does not end");
  return {};
}

}  // namespace

TEST_CASE("the status of a log says its head and the mark outside it") {
  Bench bench;
  const LogAudit audit(*bench.log, bench.log_directory(), bench.platform);
  const auto status = audit.status();
  CHECK(status["head"]["position"] == 5);
  CHECK(status["head"]["hash"] == bench.log->head().hash);
  CHECK(status["anchor"]["position"] == 5);
  CHECK(status["log_id"] == bench.log->log_id());
  CHECK(status["last"].is_null());
  CHECK(status["can_verify"] == true);
}

TEST_CASE("a log is verified while it is open, and the report is kept") {
  Bench bench;
  LogAudit audit(*bench.log, bench.log_directory(), bench.platform);
  audit.start();
  const auto status = ended(audit);
  INFO(status.dump());
  CHECK(status["last"]["ok"] == true);
  CHECK(status["last"]["position"] == 5);
  audit.start();  // and again
  CHECK(ended(audit)["last"]["ok"] == true);
}

TEST_CASE("a changed byte is found and named") {
  Bench bench;
  bench.log.reset();
  bool is_changed = false;
  for (const auto& entry : std::filesystem::directory_iterator(bench.log_directory())) {
    if (entry.path().extension() != ".log" && entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    const auto at = bytes.find("ModelUpdated");
    if (at == bytes.npos) continue;
    file.clear();
    file.seekp(static_cast<std::streamoff>(at));
    file.put('m');
    is_changed = true;
  }
  REQUIRE(is_changed);
  LogDirectory elsewhere;
  log::RocksLogOptions options;
  options.directory = elsewhere.path() / "log";
  options.anchor_file = elsewhere.path() / "anchor";
  const auto other = log::RocksLog::open(options);
  REQUIRE(other);
  LogAudit audit(**other, bench.log_directory(), bench.platform);
  audit.start();
  const auto status = ended(audit);
  CHECK(status["last"]["ok"] == false);
  CHECK_FALSE(status["last"]["findings"].empty());
}

TEST_CASE("without a directory nothing is verified") {
  Bench bench;
  LogAudit audit(*bench.log, {}, bench.platform);
  audit.start();
  CHECK(audit.status()["running"].is_null());
  CHECK(audit.status()["can_verify"] == false);
}
