// The log under SIGKILL: a process appends and says which receipts it got; whatever it said is there afterwards.
#include <catch2/catch.hpp>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>

#include "events/log/log_fixture.hpp"
#include "events/log/rocks_log.hpp"
#include "events/log/verify.hpp"

using namespace luthier;
using namespace luthier::log;
using namespace luthier::log::testing;

namespace {

constexpr const char* directory_variable = "LUTHIER_CRASH_TEST_DIRECTORY";

RocksLogOptions options_in(const std::filesystem::path& directory) {
  RocksLogOptions options;
  options.directory = directory / "log";
  options.anchor_file = directory / "anchor";
  options.write_buffer_bytes = 128 << 10;  // tables are written and merged when the signal comes
  return options;
}

// A fresh process, since RocksDB's threads do not survive a fork. It runs the hidden test below.
class Appender {
 public:
  explicit Appender(const std::filesystem::path& directory) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::setenv(directory_variable, directory.c_str(), 1);
      ::execl("/proc/self/exe", "events_log_test", "appends until it is killed", nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Appender() {
    kill();
    ::close(output_);
  }

  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }

  // Listens until the first receipt has come, however slow the machine is, and then for a while longer.
  void listen(std::chrono::milliseconds longer) {
    while (text_.find("receipt") == std::string::npos && hear(-1)) continue;
    const auto end = std::chrono::steady_clock::now() + longer;
    for (auto left = longer; left.count() > 0;) {
      if (!hear(static_cast<int>(left.count()))) return;
      left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    }
  }

  // The receipts that it got whole lines out for, once it is dead.
  std::vector<std::pair<std::string, std::string>> receipts() {
    while (hear(-1)) continue;
    text_.resize(text_.rfind('\n') == std::string::npos ? 0 : text_.rfind('\n') + 1);
    std::vector<std::pair<std::string, std::string>> out;
    std::istringstream lines(text_);
    for (std::string word, id, hash; lines >> word;)
      if (word == "receipt" && lines >> id >> hash) out.emplace_back(id, hash);
    return out;
  }

 private:
  bool hear(int timeout_ms) {  // false: nothing more will come
    pollfd waiting{output_, POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) <= 0) return true;
    char piece[4096];
    const auto got = ::read(output_, piece, sizeof piece);
    if (got > 0) text_.append(piece, static_cast<std::size_t>(got));
    return got > 0;
  }

  pid_t child_ = -1;
  int output_ = -1;
  std::string text_;
};

}  // namespace

// Not a test by itself: what the test below starts.
TEST_CASE("appends until it is killed", "[.]") {
  const char* directory = std::getenv(directory_variable);
  if (!directory) return;
  auto log = RocksLog::open(options_in(directory));
  if (!log) std::cout << log.error().message << std::endl;
  REQUIRE(log);
  Version version = static_cast<Version>((*log)->read_stream(model("a"), 1, 1'000'000)->size());
  for (;;) {
    std::vector<Append> batch;
    const Version begin = version;
    for (int i = 0; i < 1 + begin % 5; ++i, ++version)
      batch.push_back(append_one(std::to_string(version), "a", version, "\"" + std::string(300, 'x') + "\""));
    const auto written = (*log)->append(batch, version);
    if (!written) std::cout << written.error().message << std::endl;
    REQUIRE(written);
    for (const auto& answer : written->answers) std::cout << "receipt " << answer->command.id << " " << answer->hash << "\n";
    std::cout << std::flush;
  }
}

TEST_CASE("every receipt that was given is there after SIGKILL") {
  const LogDirectory directory;
  std::mt19937 random(std::random_device{}());
  std::size_t receipts = 0;
  for (int round = 0; round < 20; ++round) {
    Appender appender(directory.path());
    appender.listen(std::chrono::milliseconds(random() % 60));
    appender.kill();
    const auto given = appender.receipts();
    receipts += given.size();

    if (round % 5 == 0) {
      const auto report = verify_log(directory.path() / "log");
      INFO((report.findings.empty() ? "" : report.findings.front()));
      CHECK(report.ok);
    }
    const auto log = RocksLog::open(options_in(directory.path()));
    INFO("round " << round << ": " << (log ? "" : log.error().message));
    REQUIRE(log);
    for (const auto& [id, hash] : given) {
      const auto receipt = (*log)->find_receipt(command(id));
      REQUIRE(receipt);
      REQUIRE(*receipt);
      CHECK((*receipt)->hash == hash);
      CHECK((*log)->read((*receipt)->position, 1)->at(0).hash == hash);
    }
    const auto records = (*log)->read(1, 10'000'000);
    REQUIRE(records);
    const auto stream = (*log)->read_stream(model("a"), 1, 10'000'000);
    REQUIRE(stream);
    CHECK(stream->size() == records->size());
  }
  CHECK(receipts >= 20);
}
