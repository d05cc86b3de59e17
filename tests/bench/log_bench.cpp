// How fast the event log is on one disk: durable appends at several batch sizes beside the disk's own fdatasync, and how long a
// start takes to verify what is there.
//
//   log_bench DIRECTORY [--seconds 2] [--rounds 3] [--verify-events 200000]      prints one JSON array
//
// The two sides take turns within each round, since a shared disk changes its speed from minute to minute.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "events/base/clock.hpp"
#include "events/log/rocks_log.hpp"
#include "events/log/verify.hpp"

using namespace luthier;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr std::size_t data_bytes = 512;

double seconds_since(SteadyClock::time_point begin) { return std::chrono::duration<double>(SteadyClock::now() - begin).count(); }

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "log_bench: %s\n", message.c_str());
  std::exit(1);
}

// What the disk can do: one record of this size appended and synced at a time, as a write-ahead log must.
double raw_syncs_a_second(const std::filesystem::path& directory, double seconds) {
  const auto file = (directory / "raw").string();
  const int descriptor = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (descriptor < 0) give_up(file + ": cannot be written");
  const std::string record(data_bytes, 'x');
  int count = 0;
  const auto begin = SteadyClock::now();
  while (seconds_since(begin) < seconds) {
    if (::write(descriptor, record.data(), record.size()) < 0 || ::fdatasync(descriptor) != 0) give_up(file + ": the disk refused");
    ++count;
  }
  const double rate = count / seconds_since(begin);
  ::close(descriptor);
  std::filesystem::remove(file);
  return rate;
}

// One command with one event on one of a thousand streams.
class Workload {
 public:
  log::Append next() {
    const int n = count_++;
    const StreamKey stream{"job", "job-" + std::to_string(n % 1000)};
    log::Append append;
    append.command = {"bench", "default", "01JD" + std::to_string(n)};
    append.command_digest = std::string(64, 'd');
    append.expected = {{stream, n / 1000}};
    append.events = {{stream, "default", "job-" + std::to_string(n % 1000), "JobProgressed", 1, data_}};
    return append;
  }

 private:
  int count_ = 0;
  std::string data_ = "\"" + std::string(data_bytes - 2, 'x') + "\"";
};

class Bench {
 public:
  explicit Bench(std::filesystem::path directory) {
    options_.directory = directory / "log";
    options_.anchor_file = directory / "anchor";
    open();
  }

  void open() {
    log_.reset();
    auto opened = log::RocksLog::open(options_);
    if (!opened) give_up(opened.error().message);
    log_ = std::move(*opened);
  }

  void append(std::size_t batch_size) {
    std::vector<log::Append> batch;
    for (std::size_t i = 0; i < batch_size; ++i) batch.push_back(workload_.next());
    const auto written = log_->append(batch, SystemClock().now());
    if (!written) give_up(written.error().message);
    for (const auto& answer : written->answers)
      if (!answer) give_up(answer.error().message);
  }

  double events_a_second(std::size_t batch_size, double seconds) {
    std::size_t count = 0;
    const auto begin = SteadyClock::now();
    for (; seconds_since(begin) < seconds; count += batch_size) append(batch_size);
    return static_cast<double>(count) / seconds_since(begin);
  }

  Position position() const { return log_->head().position; }

  double opened_events_a_second() {
    log_.reset();
    const auto begin = SteadyClock::now();
    open();
    return static_cast<double>(position()) / seconds_since(begin);
  }

  double read_events_a_second() const {
    const auto begin = SteadyClock::now();
    for (Position from = 1; from <= position(); from += 1000)
      if (const auto records = log_->read(from, 1000); !records) give_up(records.error().message);
    return static_cast<double>(position()) / seconds_since(begin);
  }

  double verified_events_a_second() const {
    const auto begin = SteadyClock::now();
    const auto report = log::verify_log(options_.directory);
    if (!report.ok) give_up(report.findings.front());
    return static_cast<double>(report.head.position) / seconds_since(begin);
  }

 private:
  log::RocksLogOptions options_;
  std::unique_ptr<log::RocksLog> log_;
  Workload workload_;
};

struct Series {
  std::string unit;
  std::vector<double> values;
};

nlohmann::json to_json(const std::map<std::string, Series>& series) {
  auto rows = nlohmann::json::array();
  for (auto [work, measured] : series) {
    std::sort(measured.values.begin(), measured.values.end());
    rows.push_back({{"work", work}, {"unit", measured.unit}, {"median", measured.values[measured.values.size() / 2]},
                    {"min", measured.values.front()}, {"max", measured.values.back()}});
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("How fast the event log is on one disk");
  std::filesystem::path directory;
  double seconds = 2;
  int rounds = 3;
  Position verify_events = 200'000;
  app.add_option("directory", directory, "on the disk to be measured")->required();
  app.add_option("--seconds", seconds, "for each number");
  app.add_option("--rounds", rounds, "repetitions");
  app.add_option("--verify-events", verify_events, "events in the log that is verified");
  CLI11_PARSE(app, argc, argv);

  std::filesystem::create_directories(directory);
  directory /= "luthier-log-bench-" + std::to_string(::getpid());
  std::filesystem::create_directories(directory);
  std::map<std::string, Series> series;
  const auto add = [&](const std::string& work, const std::string& unit, double value) {
    auto& one = series[work];
    one.unit = unit;
    one.values.push_back(value);
  };
  {
    Bench bench(directory);
    for (int round = 0; round < rounds; ++round) {
      add("raw fdatasync", "syncs/s", raw_syncs_a_second(directory, seconds));
      for (const std::size_t batch_size : {1, 8, 64, 256})
        add("durable append, batch " + std::to_string(batch_size), "events/s", bench.events_a_second(batch_size, seconds));
    }
    while (bench.position() < verify_events) bench.append(256);
    for (int round = 0; round < rounds; ++round) {
      add("start, verifying the chain", "events/s", bench.opened_events_a_second());
      add("read in order, verified", "events/s", bench.read_events_a_second());
      add("audit verify", "events/s", bench.verified_events_a_second());
    }
  }
  std::filesystem::remove_all(directory);
  std::printf("%s\n", to_json(series).dump(2).c_str());
}
