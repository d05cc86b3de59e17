// The open connections of a server, a thread for each: how many there may be, of one address and of all, which of them wait for a
// request, and how they end.
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace luthier::gateway {

class HttpConnection {
 public:
  int descriptor = -1;  // open as long as the connection is in the list
  std::string peer;

  // Fresh: it has not asked for anything yet. Idle: it waits between two requests, and may be ended for a new client.
  enum class State { fresh, busy, idle, ending };
  void set(State state);

 private:
  friend class HttpConnections;
  std::atomic<State> state_{State::fresh};
  std::atomic<std::chrono::steady_clock::time_point> since_{std::chrono::steady_clock::now()};
  pthread_t thread_{};
  class HttpConnections* all_ = nullptr;
  std::list<HttpConnection>::iterator self_;
};

class HttpConnections {
 public:
  struct Limits {
    std::size_t all = 0, of_address = 0;
  };
  enum class Admission { admitted, full, address_full, no_thread };
  // Called on the connection's thread. It does not close the descriptor.
  using Serve = std::function<void(HttpConnection&)>;

  HttpConnections(Limits limits, Serve serve);
  ~HttpConnections();

  Admission admit(int descriptor, std::string peer);  // takes the descriptor over if admitted
  bool end_longest_idle();                            // false: there is none
  void end_idle();                                    // all that wait, fresh ones too
  bool wait_until_none(std::chrono::milliseconds timeout);
  void break_off();
  void join_ended();

 private:
  static void* run(void* connection);
  void finish(HttpConnection& connection);
  bool end_longest_idle_locked();

  const Limits limits_;
  const Serve serve_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<HttpConnection> open_, ended_;
  std::unordered_map<std::string, std::size_t> of_address_;
  std::size_t ending_ = 0;  // of the open ones: told to end, their place is free
};

}  // namespace luthier::gateway
