#include "actors/importer/plan.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "events/base/sha256.hpp"

namespace luthier::importer {

using namespace std::chrono_literals;
using api::ImportState;
using events::StepStatus;

namespace {

constexpr std::size_t name_length_max = 63;
constexpr auto report_interval_min = 1s, report_interval_max = 10s;

Next next_of_unfinished(const Seen& seen) {
  if (seen.job_was_deleted) return Next::cancel;
  if (!seen.job) return Next::make_job;
  switch (*seen.job) {
    case StepStatus::created:
    case StepStatus::pending:
    case StepStatus::active:
    case StepStatus::resuming: return Next::fetch;
    case StepStatus::pausing: return Next::pause;
    case StepStatus::paused: return Next::stand_by;
    // Ended by hand, whatever was said of it: nobody wants it any more.
    case StepStatus::cancelling:
    case StepStatus::cancelled:
    case StepStatus::error:
    case StepStatus::completed: return Next::cancel;
  }
  return Next::leave;
}

}  // namespace

std::string job_name(const std::string& fileset, const std::string& fileset_id) {
  const std::string begin = "import-", end = "-" + sha256_hex(fileset_id).substr(0, 8);
  auto middle = fileset.substr(0, name_length_max - begin.size() - end.size());
  while (middle.ends_with('-')) middle.pop_back();
  return begin + middle + end;
}

Next next_of(const Seen& seen) {
  switch (seen.state) {
    case ImportState::listed: return seen.is_needed ? Next::want : Next::leave;
    case ImportState::importing: return next_of_unfinished(seen);
    case ImportState::complete:
    case ImportState::failed:
    case ImportState::cancelled: return seen.job && !is_terminal(*seen.job) ? Next::settle : Next::leave;
  }
  return Next::leave;
}

std::vector<StepStatus> way(StepStatus from, StepStatus to) {
  using enum StepStatus;
  // Where two ways are equally long, the one that says what is going on.
  static constexpr std::array all{cancelling, created, pending, active, cancelled, pausing, paused, resuming, error, completed};
  std::map<StepStatus, StepStatus> before{{from, from}};
  for (std::deque<StepStatus> reached{from}; !reached.empty() && !before.contains(to); reached.pop_front())
    for (const auto next : all)
      if (events::may_follow(reached.front(), next) && before.emplace(next, reached.front()).second) reached.push_back(next);
  std::vector<StepStatus> found;
  if (!before.contains(to)) return found;
  for (auto at = to; at != from; at = before.at(at)) found.push_back(at);
  std::reverse(found.begin(), found.end());
  return found;
}

bool may_pass(const Error& error) { return error.code == ErrorCode::unavailable || error.code == ErrorCode::io || error.code == ErrorCode::internal; }

std::optional<std::chrono::milliseconds> Tries::failed(Time now, const Patience& patience) {
  if (failed_ == patience.waits.size()) return std::nullopt;
  const auto wait = patience.waits[failed_++];
  due_ = now + wait;
  return wait;
}

bool ReportPace::is_due(Time now, std::int64_t bytes_done) {
  if (told_) {
    const auto since = now - *told_;
    if (since < report_interval_min || (since < report_interval_max && bytes_done - bytes_told_ < bytes_step_)) return false;
  }
  told_ = now;
  bytes_told_ = bytes_done;
  return true;
}

}  // namespace luthier::importer
