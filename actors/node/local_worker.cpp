#include "actors/node/local_worker.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "actors/node/data_directory.hpp"

namespace luthier::node {

LocalWorker::LocalWorker(LocalWorkerOptions options) : options_(std::move(options)), thread_([this] { watch(); }) {}

LocalWorker::~LocalWorker() { stop(); }

bool LocalWorker::pause(int milliseconds) {
  std::unique_lock lock(mutex_);
  return !stops_.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] { return stopping_.load(); });
}

void LocalWorker::watch() {
  int pause_ms = 200;
  while (!stopping_) {
    pid_ = lock_holder(options_.lock_file);
    is_child_ = pid_ == 0;
    if (is_child_) pid_ = start();
    const auto started = std::chrono::steady_clock::now();
    while (!stopping_ && pid_ > 0 && is_alive()) pause(300);
    if (stopping_) return;
    if (std::chrono::steady_clock::now() - started > std::chrono::minutes(1)) pause_ms = 200;
    options_.warn("the worker has ended; it is started again");
    if (!pause(pause_ms)) return;
    pause_ms = std::min(pause_ms * 2, 30'000);
  }
}

pid_t LocalWorker::start() const {
  std::vector<char*> arguments;
  for (const auto& argument : options_.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int output = ::open(options_.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t child = ::fork();
  if (child == 0) {  // only what is safe between fork and exec
    sigset_t none;  // we block the signals that we wait for; a child must hear them
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    if (output >= 0) {
      ::dup2(output, 1);
      ::dup2(output, 2);
    }
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  if (output >= 0) ::close(output);
  return child;
}

bool LocalWorker::is_alive() {
  if (!is_child_) return ::kill(pid_, 0) == 0;
  return ::waitpid(pid_, nullptr, WNOHANG) == 0;
}

void LocalWorker::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stops_.notify_all();
  thread_.join();
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  for (int waited = 0; waited < 8000 && is_alive(); waited += 20) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (is_alive()) {
    ::kill(-pid_, SIGKILL);
    while (is_alive()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  pid_ = 0;
}

}  // namespace luthier::node
