#include "actors/worker/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <thread>

#include "actors/worker/line_reader.hpp"
#include "events/base/file.hpp"

namespace luthier::worker {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  int get() const { return value_; }
  void reset(int value = -1) {
    if (value_ >= 0) ::close(value_);
    value_ = value;
  }

 private:
  int value_;
};

struct Pipe {
  Descriptor read, write;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    return true;
  }
};

// Its stderr on disk, up to a bound; what comes after that is still read, so that the child never waits.
class BoundedLog {
 public:
  BoundedLog(const std::filesystem::path& file, std::size_t bytes_max)
      : file_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)), left_(bytes_max) {
    struct stat status {};
    if (file_.get() >= 0 && ::fstat(file_.get(), &status) == 0)
      left_ -= std::min(left_, static_cast<std::size_t>(status.st_size));
  }
  void append(const std::string& line) {
    if (file_.get() < 0 || left_ == 0) return;
    const auto text = line.size() + 1 <= left_ ? line + "\n" : std::string("(the log is full: nothing more is kept)\n");
    left_ = line.size() + 1 <= left_ ? left_ - text.size() : 0;
    // A full disk costs the log, not the work.
    [[maybe_unused]] const auto written = ::write(file_.get(), text.data(), text.size());
  }

 private:
  Descriptor file_;
  std::size_t left_;
};

void write_oom_score() {
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, "500", 3);
  ::close(file);
}

struct Prepared {
  const char* program;
  char* const* arguments;
  int output, log, lock;
  pid_t parent;
};

// Between fork and exec: only what is safe while other threads of the parent hold locks.
[[noreturn]] void become(const Prepared& prepared) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != prepared.parent) ::_exit(127);  // the parent died between fork and prctl
  ::setpgid(0, 0);
  write_oom_score();  // when memory runs out, a task dies before the control plane does
  // All signals are blocked until here, so that no handler of the parent runs in the child.
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = ::open("/dev/null", O_RDONLY);
  if (input < 0 || ::dup2(input, STDIN_FILENO) < 0 || ::dup2(prepared.output, STDOUT_FILENO) < 0 ||
      ::dup2(prepared.log, STDERR_FILENO) < 0)
    ::_exit(126);
  int first_to_close = 3;
  if (prepared.lock >= 0) {
    if (prepared.lock == 3)
      ::fcntl(3, F_SETFD, 0);
    else
      ::dup2(prepared.lock, 3);  // without close-on-exec
    first_to_close = 4;
  }
  ::close_range(static_cast<unsigned>(first_to_close), UINT_MAX, 0);
  ::execv(prepared.program, prepared.arguments);
  ::_exit(126);
}

Result<pid_t> start(const ChildSpec& spec, int output, int log) {
  std::vector<char*> arguments;
  for (const auto& argument : spec.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const Prepared prepared{spec.program.c_str(), arguments.data(), output, log, spec.inherited_lock, ::getpid()};
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  if (child == 0) become(prepared);
  const int failure = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) return file_error(spec.program, failure);
  ::setpgid(child, child);  // both sides do it: whoever comes first
  return child;
}

// Reads what there is; false: the other end has closed.
bool drain(int descriptor, LineReader& reader) {
  std::array<char, 16384> buffer;
  const auto count = ::read(descriptor, buffer.data(), buffer.size());
  if (count > 0) reader.feed({buffer.data(), static_cast<std::size_t>(count)});
  return count > 0 || (count < 0 && errno == EINTR);
}

// Looks without reaping: as long as it is a zombie, its number, which is the group's, belongs to nobody else.
bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == child;
}

ChildExit reap(pid_t child) {
  ::kill(-child, SIGKILL);  // whatever it has left behind
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  // What it has started is our child now (see run_child), and goes at once.
  const auto until = Clock::now() + milliseconds(2000);
  while (::kill(-child, 0) == 0 && Clock::now() < until)
    if (::waitpid(-child, nullptr, WNOHANG) <= 0) std::this_thread::sleep_for(milliseconds(2));
  ChildExit exit;
  if (WIFSIGNALED(status))
    exit.signal = WTERMSIG(status);
  else
    exit.code = WEXITSTATUS(status);
  return exit;
}

// Passes signals on to the group as the switch says.
class Ending {
 public:
  Ending(pid_t child, StopSwitch& stop) : child_(child), stop_(stop) {}
  void look() {
    if (!stop_.is_pressed()) return;
    if (!has_terminated_) ::kill(-child_, SIGTERM);
    has_terminated_ = true;
    const auto deadline = stop_.deadline();
    if (deadline && Clock::now() >= *deadline) ::kill(-child_, SIGKILL);
  }

 private:
  pid_t child_;
  StopSwitch& stop_;
  bool has_terminated_ = false;
};

void pump(pid_t child, Pipe& output, Pipe& log, LineReader& lines, LineReader& log_lines, StopSwitch& stop) {
  Ending ending(child, stop);
  bool output_is_open = true, log_is_open = true;
  while (!has_ended(child)) {
    ending.look();
    // A closed descriptor is left out (-1); the child's end is looked for at least this often.
    const int wait_ms = output_is_open || log_is_open ? 100 : 10;
    std::array<pollfd, 3> watched{{{output_is_open ? output.read.get() : -1, POLLIN, 0},
                                   {log_is_open ? log.read.get() : -1, POLLIN, 0},
                                   {stop.descriptor(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), wait_ms) <= 0) continue;
    if (watched[0].revents != 0) output_is_open = drain(output.read.get(), lines);
    if (watched[1].revents != 0) log_is_open = drain(log.read.get(), log_lines);
    if (watched[2].revents != 0) stop.clear_event();
  }
}

// What the group wrote before it ended; a stranger who still holds the pipe does not keep us.
void drain_rest(Pipe& pipe, LineReader& reader) {
  pollfd rest{pipe.read.get(), POLLIN, 0};
  for (int i = 0; i < 1024 && ::poll(&rest, 1, 0) > 0 && drain(pipe.read.get(), reader); ++i) {}
  reader.finish();
}

}  // namespace

StopSwitch::StopSwitch() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
StopSwitch::~StopSwitch() {
  if (event_ >= 0) ::close(event_);
}

void StopSwitch::press(milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    const auto deadline = Clock::now() + grace;
    if (!deadline_ || deadline < *deadline_) deadline_ = deadline;
  }
  is_pressed_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_, &one, sizeof one);
}

std::optional<Clock::time_point> StopSwitch::deadline() const {
  const std::lock_guard lock(mutex_);
  return deadline_;
}

void StopSwitch::clear_event() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(event_, &count, sizeof count);
}

Result<ChildExit> run_child(const ChildSpec& spec, StopSwitch& stop, const ChildListener& listener) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans of the child come to us, and not to an init that may not be there
  Pipe output, log;
  if (!output.open() || !log.open()) return file_error("a pipe", errno);
  BoundedLog log_file(spec.log, spec.log_bytes_max);
  std::string last_log_line;
  LineReader lines(spec.line_bytes_max, [&](const std::string& line) { listener.line(line); });
  LineReader log_lines(spec.line_bytes_max, [&](const std::string& line) {
    log_file.append(line);
    if (!line.empty()) last_log_line = line;
    listener.log_line(line);
  });

  const auto child = start(spec, output.write.get(), log.write.get());
  if (!child) return child.error();
  output.write.reset();
  log.write.reset();
  if (listener.started) listener.started(*child);
  pump(*child, output, log, lines, log_lines, stop);
  const bool was_asked = stop.is_pressed();
  auto exit = reap(*child);
  drain_rest(output, lines);
  drain_rest(log, log_lines);
  exit.was_asked = was_asked;
  exit.last_log_line = last_log_line;
  return exit;
}

}  // namespace luthier::worker
