#include "actors/bus/child_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>

namespace luthier::bus {

ChildProcess::ChildProcess(Options options) : options_(std::move(options)) {
  thread_ = std::thread([this] { run(); });
}

ChildProcess::~ChildProcess() { stop(); }

void ChildProcess::stop() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    if (pid_ > 0) kill(pid_, SIGTERM);
    if (!changed_.wait_for(lock, options_.stop_wait, [this] { return ended_; }) && pid_ > 0) kill(pid_, SIGKILL);
  }
  if (thread_.joinable()) thread_.join();
}

void ChildProcess::confirm() {
  const std::lock_guard lock(mutex_);
  confirmed_ = true;
}

bool ChildProcess::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

pid_t ChildProcess::pid() const {
  const std::lock_guard lock(mutex_);
  return pid_;
}

int ChildProcess::restarts() const {
  const std::lock_guard lock(mutex_);
  return restarts_;
}

void ChildProcess::run() {
  auto backoff = options_.backoff_min;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto started = std::chrono::steady_clock::now();
    const auto child = start();
    pid_ = std::max(child, 0);
    lock.unlock();
    const std::string why = child > 0 ? wait_for(child) : "cannot start a process";
    lock.lock();
    if (stopping_ || !confirmed_) break;
    if (std::chrono::steady_clock::now() - started > std::chrono::seconds(30)) backoff = options_.backoff_min;
    changed_.wait_for(lock, backoff, [this] { return stopping_; });
    backoff = std::min(2 * backoff, options_.backoff_max);
    if (stopping_) break;
    ++restarts_;
    lock.unlock();
    if (options_.on_restart) options_.on_restart(why);
    lock.lock();
  }
  ended_ = true;
  changed_.notify_all();
}

// Waits without reaping first: as long as the child is a zombie its id belongs to nobody else, so that stop() never
// signals a stranger.
std::string ChildProcess::wait_for(pid_t child) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
  const std::lock_guard lock(mutex_);
  pid_ = 0;
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

pid_t ChildProcess::start() const {
  // Everything that allocates happens before the fork: other threads may hold the allocator's locks.
  std::vector<char*> arguments;
  for (const auto& argument : options_.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const char* output = options_.output.c_str();
  const pid_t parent = getpid();

  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // we died between fork and prctl
  setpgid(0, 0);                        // the terminal's Ctrl-C is for us: we end the child in our own time
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = open("/dev/null", O_RDONLY);
  const int log = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (input < 0 || log < 0) _exit(126);
  dup2(input, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close_range(3, UINT_MAX, 0);
  execv(arguments[0], arguments.data());
  _exit(126);
}

}  // namespace luthier::bus
