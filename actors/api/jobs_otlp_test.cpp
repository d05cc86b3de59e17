#include "actors/api/jobs_otlp.hpp"

#include <catch2/catch.hpp>
#include <random>

namespace luthier::api {
namespace {

constexpr Timestamp now = 1'700'000'000'000'000;

// Protobuf by hand: a field of bytes, a field of eight bytes.
std::string field(int number, const std::string& bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  for (auto size = bytes.size();; size >>= 7) {
    out += static_cast<char>((size & 0x7F) | (size > 0x7F ? 0x80 : 0));
    if (size <= 0x7F) break;
  }
  return out + bytes;
}
std::string fixed(int number, std::uint64_t value) {
  std::string out(1, static_cast<char>(number << 3 | 1));
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
  return out;
}
std::string attribute(const std::string& key, const std::string& value) { return field(1, key) + field(2, field(1, value)); }

std::string protobuf_request() {
  const auto resource = field(1, field(1, attribute("job", "j1")) + field(1, attribute("job_step", "s1")) + field(1, attribute("job_attempt", "0")));
  const auto record = [](const std::string& text, const std::string& task) {
    return field(2, fixed(1, 1'600'000'000'000'001'000ull) + field(5, field(1, text)) + (task.empty() ? "" : field(6, attribute("job_task", task))));
  };
  return field(1, resource + field(2, record("one", "task-1") + record(std::string(300, 'x'), "task-1") + record("nobody's", "")));
}

const char* json_request = R"({"resourceLogs": [{"resource": {"attributes": [{"key": "job", "value": {"stringValue": "j1"}}, {"key": "job_step", "value": {"stringValue": "s1"}},
    {"key": "job_attempt", "value": {"intValue": "2"}}]},
  "scopeLogs": [{"logRecords": [
    {"timeUnixNano": "1600000000000001000", "body": {"stringValue": "one"}, "attributes": [{"key": "job_task", "value": {"stringValue": "task-1"}}]},
    {"observedTimeUnixNano": 1600000000000002000, "body": {"stringValue": "two"}, "attributes": [{"key": "job_task", "value": {"stringValue": "task-1"}}, {"key": "job_step", "value": {"stringValue": "s2"}}]},
    {"body": {"kvlistValue": {"values": []}}, "attributes": [{"key": "job_task", "value": {"stringValue": "task-1"}}]},
    {"body": {"stringValue": "nobody's"}}]}]}]})";

}  // namespace

TEST_CASE("records in JSON become lines, and one that names no task is rejected alone") {
  const auto logs = read_otlp_json(json_request, now);
  REQUIRE(logs);
  REQUIRE(logs->lines.size() == 3);
  CHECK(logs->rejected == 1);
  CHECK(logs->lines[0].timestamp == "2020-09-13T12:26:40.000001Z");
  CHECK(logs->lines[0].message == "one");
  CHECK(logs->lines[0].attempt == "2");
  CHECK(logs->lines[0].step == "s1");
  CHECK(logs->lines[1].timestamp == "2020-09-13T12:26:40.000002Z");
  CHECK(logs->lines[1].step == "s2");
  CHECK(logs->lines[2].timestamp == format_time(now));
  CHECK(read_otlp_json("{}", now)->lines.empty());
  for (const auto* broken : {"", "[]", "{", R"({"resourceLogs": 1})", R"({"resourceLogs": [1]})"}) CHECK_FALSE(read_otlp_json(broken, now));
}

TEST_CASE("records in protobuf become the same lines") {
  const auto logs = read_otlp_protobuf(protobuf_request(), now);
  REQUIRE(logs);
  REQUIRE(logs->lines.size() == 2);
  CHECK(logs->rejected == 1);
  CHECK(logs->lines[0].timestamp == "2020-09-13T12:26:40.000001Z");
  CHECK(logs->lines[0].job == "j1");
  CHECK(logs->lines[0].task == "task-1");
  CHECK(logs->lines[1].message.size() == 300);
  CHECK(read_otlp_protobuf("", now)->lines.empty());
  CHECK_FALSE(read_otlp_protobuf("not protobuf", now));
}

TEST_CASE("any bytes are read or refused") {
  std::mt19937 random(7);
  const auto whole = protobuf_request();
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = whole.substr(0, random() % (whole.size() + 1));
    for (int i = static_cast<int>(random() % 4); i > 0 && !bytes.empty(); --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)read_otlp_protobuf(bytes, now);
  }
  std::string deep;
  for (int i = 0; i < 64; ++i) deep = field(5, field(1, deep));
  CHECK_FALSE(read_otlp_protobuf(field(1, field(2, field(2, field(5, deep)))), now));
}

}  // namespace luthier::api
