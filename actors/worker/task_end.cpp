#include <csignal>
#include <cstring>

#include "actors/worker/task_driver.hpp"

namespace luthier::worker {
namespace {

using Outcome = TaskReport::Outcome;

constexpr int exit_bad_input = 2, exit_stopped = 3;

std::string signal_reason(int number) {
  std::string reason = "the process was killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
  if (number == SIGKILL) reason += ", as the kernel does when memory runs out";
  return reason;
}

bool may_help_again(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
    case ErrorCode::forbidden:
    case ErrorCode::conflict:
      return false;
    case ErrorCode::not_found:
    case ErrorCode::limit:
    case ErrorCode::out_of_memory:
    case ErrorCode::unavailable:
    case ErrorCode::cancelled:
    case ErrorCode::corrupt:
    case ErrorCode::io:
    case ErrorCode::internal:
      return true;
  }
  return true;
}

}  // namespace

std::chrono::milliseconds grace_of(StopWhy why) {
  using std::chrono::milliseconds;
  switch (why) {
    case StopWhy::pause: return milliseconds(60'000);
    case StopWhy::undeploy: return milliseconds(8'000);
    case StopWhy::cancel: return milliseconds(5'000);
    case StopWhy::withdrawn: return milliseconds(5'000);
    case StopWhy::leaving: return milliseconds(5'000);
    case StopWhy::stuck: return milliseconds(3'000);
    case StopWhy::lease_over: return milliseconds(2'000);  // the control plane waits little longer than the lease
  }
  return milliseconds(0);
}

ProcessEnded ended_as(const ChildExit& exit) {
  ProcessEnded ended;
  if (exit.was_asked || exit.code == exit_stopped) {
    ended.outcome = Outcome::stopped;
    if (!exit.was_asked) ended.reason = "somebody other than the worker asked the process to stop";
    return ended;
  }
  if (exit.code == exit_bad_input) {
    ended.outcome = Outcome::failed;
    ended.reason = exit.last_log_line.empty() ? "the process refused its input without a word" : exit.last_log_line;
    return ended;
  }
  ended.outcome = Outcome::crashed;
  ended.retryable = true;
  ended.reason = exit.signal ? signal_reason(*exit.signal)
                             : "the process ended with exit code " + std::to_string(exit.code.value_or(-1));
  if (!exit.signal && !exit.last_log_line.empty()) ended.reason += ": " + exit.last_log_line;
  return ended;
}

ProcessEnded ended_before_start(const Error& error, bool was_asked) {
  ProcessEnded ended;
  ended.outcome = was_asked ? Outcome::stopped : Outcome::failed;
  ended.reason = was_asked ? "" : error.message;
  ended.retryable = may_help_again(error.code);
  return ended;
}

}  // namespace luthier::worker
