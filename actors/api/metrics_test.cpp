#include "actors/api/metrics.hpp"

#include <regex>
#include <sstream>

#include "actors/api/api_fixture_test.hpp"

namespace luthier::api {
namespace {

// The samples by name and labels; every line must be a comment or a sample of a metric that was declared before it.
std::map<std::string, double> samples_of(const std::string& text) {
  static const std::regex sample(R"(([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (\S+))");
  std::map<std::string, double> samples;
  std::set<std::string> declared;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) declared.insert(line.substr(7, line.find(' ', 7) - 7));
    if (line.starts_with("#")) continue;
    std::smatch parts;
    INFO(line);
    REQUIRE(std::regex_match(line, parts, sample));
    const auto name = std::regex_replace(parts[1].str(), std::regex("_(bucket|sum|count)$"), "");
    CHECK((declared.contains(name) || declared.contains(parts[1].str())));
    samples[parts[1].str() + parts[2].str()] = std::stod(parts[4].str());
  }
  return samples;
}

}  // namespace

TEST_CASE("metrics tell of requests, entities, the log and the process") {
  ApiFixture api;
  REQUIRE(api.call("POST", "/apis/files/v2/workspaces/default/filesets", R"({"name":"rows"})").status == 200);
  REQUIRE(api.call("GET", "/apis/files/v2/workspaces/default/filesets/none").status == 404);
  const auto reply = api.call("GET", "/metrics");
  CHECK(reply.status == 200);
  const auto samples = samples_of(reply.body);
  CHECK(samples.at(R"(luthier_entities{kind="fileset"})") == 1);
  CHECK(samples.at(R"(luthier_entities{kind="model"})") == 0);
  CHECK(samples.at(R"(luthier_http_requests_total{status="2xx"})") == 1);
  CHECK(samples.at(R"(luthier_http_requests_total{status="4xx"})") == 1);
  CHECK(samples.at("luthier_http_request_seconds_count") == 2);
  CHECK(samples.at(R"(luthier_http_request_seconds_bucket{le="+Inf"})") == 2);
  CHECK(samples.at("luthier_log_position") >= 2);
  CHECK(samples.at("process_resident_memory_bytes") > 1e6);
  CHECK(samples.at("process_open_fds") > 3);
}

TEST_CASE("an answer is counted in the bucket of its time") {
  RequestCounts counts;
  counts.add(200, std::chrono::milliseconds(1));
  counts.add(404, std::chrono::milliseconds(2));
  counts.add(500, std::chrono::hours(1));
  CHECK(counts.within(0) == 1);
  CHECK(counts.within(1) == 1);
  CHECK(counts.within(RequestCounts::bounds_s.size()) == 1);
  CHECK(counts.of_class(5) == 1);
  CHECK(counts.seconds() == Approx(3600.003));
}

}  // namespace luthier::api
