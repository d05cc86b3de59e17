#include "actors/gateway/http_connections.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <utility>

namespace luthier::gateway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t stack_bytes = 2 << 20;   // of address space; what is not touched costs no memory
constexpr std::size_t ending_max = 256;        // connections that were told to end and have not yet

// Else its request has come, and it only does not know yet.
bool is_silent(int descriptor) {
  pollfd entry{descriptor, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 0;
}

}  // namespace

void HttpConnection::set(State state) {
  since_ = Clock::now();
  // A connection that was told to end stays told: it may serve what came at the same moment, and then it ends.
  auto now = state_.load();
  while (now != State::ending && !state_.compare_exchange_weak(now, state)) {}
}

HttpConnections::HttpConnections(Limits limits, Serve serve) : limits_(limits), serve_(std::move(serve)) {}

HttpConnections::~HttpConnections() {
  break_off();
  while (!wait_until_none(std::chrono::seconds(1))) {}
  join_ended();
}

HttpConnections::Admission HttpConnections::admit(int descriptor, std::string peer) {
  const std::lock_guard lock(mutex_);
  if (const auto held = of_address_.find(peer); held != of_address_.end() && held->second >= limits_.of_address) return Admission::address_full;
  if (open_.size() - ending_ >= limits_.all && (ending_ >= ending_max || !end_longest_idle_locked())) return Admission::full;
  const auto self = open_.emplace(open_.end());
  self->descriptor = descriptor;
  self->peer = std::move(peer);
  self->all_ = this;
  self->self_ = self;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  const int failure = pthread_create(&self->thread_, &attributes, &HttpConnections::run, &*self);
  pthread_attr_destroy(&attributes);
  if (failure != 0) {
    open_.erase(self);
    return Admission::no_thread;
  }
  ++of_address_[self->peer];
  return Admission::admitted;
}

void* HttpConnections::run(void* connection) {
  // OpenSSL writes with write(): a client that has gone must not end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  auto& self = *static_cast<HttpConnection*>(connection);
  try {
    self.all_->serve_(self);
  } catch (const std::exception&) {  // no memory for this one; it ends, the others go on
  }
  self.all_->finish(self);
  return nullptr;
}

void HttpConnections::finish(HttpConnection& connection) {
  const std::lock_guard lock(mutex_);  // nobody may shut down a number that means another file by now
  ::close(std::exchange(connection.descriptor, -1));
  if (connection.state_ == HttpConnection::State::ending) --ending_;
  if (const auto held = of_address_.find(connection.peer); --held->second == 0) of_address_.erase(held);
  ended_.splice(ended_.end(), open_, connection.self_);
  changed_.notify_all();
}

// Its thread wakes up as if the client had closed.
bool HttpConnections::end_longest_idle_locked() {
  HttpConnection* oldest = nullptr;
  for (auto& connection : open_)
    if (connection.state_ == HttpConnection::State::idle && (!oldest || connection.since_.load() < oldest->since_.load())) oldest = &connection;
  if (!oldest || !is_silent(oldest->descriptor)) return false;
  oldest->state_ = HttpConnection::State::ending;
  ++ending_;
  ::shutdown(oldest->descriptor, SHUT_RD);
  return true;
}

bool HttpConnections::end_longest_idle() {
  const std::lock_guard lock(mutex_);
  return end_longest_idle_locked();
}

void HttpConnections::end_idle() {
  const std::lock_guard lock(mutex_);
  for (auto& connection : open_)
    if (connection.state_ != HttpConnection::State::busy && is_silent(connection.descriptor)) ::shutdown(connection.descriptor, SHUT_RD);
}

bool HttpConnections::wait_until_none(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return open_.empty(); });
}

void HttpConnections::break_off() {
  const std::lock_guard lock(mutex_);
  for (auto& connection : open_) ::shutdown(connection.descriptor, SHUT_RDWR);
}

void HttpConnections::join_ended() {
  std::list<HttpConnection> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  for (auto& connection : ended) pthread_join(connection.thread_, nullptr);
}

}  // namespace luthier::gateway
