#include "actors/importer/plan.hpp"

#include <catch2/catch.hpp>

#include "events/world/names.hpp"

namespace luthier::importer {

using namespace std::chrono_literals;
using api::ImportState;
using events::StepStatus;

namespace {

Next next(ImportState state, std::optional<StepStatus> job = {}, bool is_needed = false, bool job_was_deleted = false) {
  return next_of({state, is_needed, job, job_was_deleted});
}

}  // namespace

TEST_CASE("files stay elsewhere until somebody needs them") {
  CHECK(next(ImportState::listed) == Next::leave);
  CHECK(next(ImportState::listed, {}, true) == Next::want);
}

TEST_CASE("an import follows its job") {
  using enum StepStatus;
  CHECK(next(ImportState::importing) == Next::make_job);
  for (const auto status : {created, pending, active, resuming}) CHECK(next(ImportState::importing, status) == Next::fetch);
  CHECK(next(ImportState::importing, pausing) == Next::pause);
  CHECK(next(ImportState::importing, paused) == Next::stand_by);
  for (const auto status : {cancelling, cancelled, error, completed}) CHECK(next(ImportState::importing, status) == Next::cancel);
  CHECK(next(ImportState::importing, {}, false, true) == Next::cancel);
}

TEST_CASE("an import that has ended is left alone once its job says so") {
  for (const auto state : {ImportState::complete, ImportState::failed, ImportState::cancelled}) {
    CHECK(next(state, {}, true) == Next::leave);
    CHECK(next(state, StepStatus::active) == Next::settle);
    CHECK(next(state, StepStatus::cancelling) == Next::settle);
    CHECK(next(state, StepStatus::completed) == Next::leave);
  }
}

TEST_CASE("a step comes to its end by the statuses between") {
  using enum StepStatus;
  CHECK(way(active, completed) == std::vector{completed});
  CHECK(way(created, completed) == std::vector{pending, completed});
  CHECK(way(paused, cancelled) == std::vector{cancelling, cancelled});
  CHECK(way(active, active).empty());
  CHECK(way(cancelled, completed).empty());
}

TEST_CASE("the name of a job is one, however long its fileset's is") {
  const auto name = job_name("qwen3", "fileset-5Q2LoF8z8M9JZxZsHwJKNn");
  CHECK(name.starts_with("import-qwen3-"));
  CHECK(name.size() == std::string("import-qwen3-").size() + 8);
  for (const auto& fileset : {std::string(63, 'a'), std::string(46, 'a') + "-" + std::string(10, 'b'), std::string("ab")})
    CHECK(events::is_name(job_name(fileset, "fileset-1")));
  CHECK(job_name("a1", "fileset-1") != job_name("a1", "fileset-2"));
}

TEST_CASE("a try that fails is repeated later and later, until it was enough; progress begins anew") {
  const Patience patience{{10ms, 20ms}};
  const auto begin = Time() + 1h;
  Tries tries;
  CHECK(tries.is_due(begin));
  CHECK(tries.failed(begin, patience) == 10ms);
  CHECK_FALSE(tries.is_due(begin + 9ms));
  CHECK(tries.is_due(begin + 10ms));
  CHECK(tries.failed(begin, patience) == 20ms);
  CHECK_FALSE(tries.failed(begin, patience));
  tries.there_was_progress();
  CHECK(tries.failed(begin, patience) == 10ms);
  tries.postpone();
  CHECK_FALSE(tries.is_due(begin + 1000h));
  tries.now();
  CHECK(tries.is_due(begin));
}

TEST_CASE("progress is told at most once a second, and seldom of an import that takes hours") {
  const auto begin = Time() + 1h;
  ReportPace pace(1'000'000);
  CHECK(pace.is_due(begin, 0));
  CHECK_FALSE(pace.is_due(begin + 900ms, 500'000));
  CHECK_FALSE(pace.is_due(begin + 1500ms, 9'999));
  CHECK(pace.is_due(begin + 1500ms, 10'000));
  CHECK_FALSE(pace.is_due(begin + 11s, 10'001));
  CHECK(pace.is_due(begin + 11'500ms, 10'001));
}

}  // namespace luthier::importer
