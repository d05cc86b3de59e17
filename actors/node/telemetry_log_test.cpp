#include "actors/node/telemetry_log.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "events/base/temporary_directory.hpp"

namespace luthier::node {
namespace {

api::LogLine line(int number, const std::string& step = "s1") {
  char time[64];
  std::snprintf(time, sizeof time, "2026-11-23T20:15:%02d.%06dZ", number / 1'000'000, number % 1'000'000);
  return {time, "1", "j1", step, "task-1", "line " + std::to_string(number)};
}

std::vector<api::LogLine> lines(int first, int last, const std::string& step = "s1") {
  std::vector<api::LogLine> all;
  for (int i = first; i <= last; ++i) all.push_back(line(i, step));
  return all;
}

std::vector<std::string> messages(const api::LogPage& page) {
  std::vector<std::string> all;
  for (const auto& each : page.lines) all.push_back(each.message);
  return all;
}

}  // namespace

TEST_CASE("log lines are read page by page, wherever the page is") {
  const TemporaryDirectory directory;
  TelemetryLog log(directory / "log.jsonl");
  CHECK(log.query({}).total == 0);
  REQUIRE(log.append(lines(0, 699)));
  REQUIRE(log.append(lines(700, 999)));
  for (const int offset : {0, 255, 256, 600, 995}) {
    const auto page = log.query({{}, offset, 5});
    CHECK(page.total == 1000);
    REQUIRE(page.lines.size() == 5);
    for (int i = 0; i < 5; ++i) CHECK(page.lines[static_cast<std::size_t>(i)].message == "line " + std::to_string(offset + i));
  }
  CHECK(log.query({{}, 998, 5}).lines.size() == 2);
  CHECK(log.query({{}, 1000, 5}).lines.empty());
  CHECK(TelemetryLog(directory / "log.jsonl").query({{}, 500, 1}).lines[0].step == "s1");
}

TEST_CASE("log lines are found by their columns, whatever is in the messages") {
  const TemporaryDirectory directory;
  TelemetryLog log(directory / "log.jsonl");
  auto all = lines(0, 9);
  all[3].message = R"(,"step":"s2", it's a \ trap)";
  all[4].step = "s2";
  all[5].attempt = "2";
  REQUIRE(log.append(all));
  CHECK(messages(log.query({{{"step", "s2"}}})) == std::vector<std::string>{"line 4"});
  CHECK(messages(log.query({{{"attempt", "2"}}})) == std::vector<std::string>{"line 5"});
  CHECK(messages(log.query({{{"message", all[3].message}}})) == std::vector<std::string>{all[3].message});
  CHECK(log.query({{{"step", "s1"}, {"attempt", "1"}}, 6, 10}).lines.size() == 2);
  CHECK(log.query({{{"step", "s1"}, {"attempt", "1"}}, 6, 10}).total == 8);
  CHECK(log.query({{{"timestamp", all[7].timestamp}}}).total == 1);
}

TEST_CASE("lines that come late are read at their time") {
  const TemporaryDirectory directory;
  TelemetryLog log(directory / "log.jsonl");
  REQUIRE(log.append({line(3), line(1)}));
  REQUIRE(log.append({line(2)}));
  CHECK(messages(log.query({})) == std::vector<std::string>{"line 1", "line 2", "line 3"});
  CHECK(messages(log.query({{}, 1, 1})) == std::vector<std::string>{"line 2"});
  CHECK(log.query({{}, 1, 1}).total == 3);
}

TEST_CASE("a full log loses its older half, never a part of a line") {
  const TemporaryDirectory directory;
  TelemetryLog log(directory / "log.jsonl", 20'000);
  for (int i = 0; i < 1'000; i += 10) {
    REQUIRE(log.append(lines(i, i + 9)));
    const auto page = log.query({{}, 0, 1});
    CHECK(std::filesystem::file_size(directory / "log.jsonl") <= 20'000);
    REQUIRE(page.lines.size() == 1);
    CHECK(page.lines[0].message.starts_with("line "));
    CHECK(log.query({{}, page.total - 1, 1}).lines[0].message == "line " + std::to_string(i + 9));
  }
}

TEST_CASE("a line that a crash has cut off is left out, and the next one is whole") {
  const TemporaryDirectory directory;
  const auto file = directory / "log.jsonl";
  REQUIRE(TelemetryLog(file).append(lines(0, 1)));
  std::ofstream(file, std::ios::app) << R"({"timestamp":"2026-11-23T20:)";
  TelemetryLog log(file);
  CHECK(log.query({}).total == 2);
  REQUIRE(log.append({line(2)}));
  CHECK(messages(log.query({})) == std::vector<std::string>{"line 0", "line 1", "line 2"});
  log.remove();
  CHECK(log.query({}).total == 0);
}

}  // namespace luthier::node
