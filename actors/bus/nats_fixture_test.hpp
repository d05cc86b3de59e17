// What the tests of the bus share: the servers that are installed here, and waiting.
#pragma once

#include <stdlib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/bus/nats_bus.hpp"
#include "events/base/temporary_directory.hpp"
#include "actors/bus/nats_server.hpp"

namespace luthier::bus {

using luthier::TemporaryDirectory;

// Debian's server is the floor, the wheel's is what the set-up installs: every test runs against both.
inline std::vector<std::filesystem::path> servers() {
  std::vector<std::filesystem::path> found;
  for (const std::filesystem::path server : {"/usr/sbin/nats-server", ".cache/nats-server/2.15.1/nats-server"}) {
    if (std::filesystem::exists(server))
      found.push_back(std::filesystem::absolute(server));
    else
      WARN(server << " is not installed: the tests do not cover it");
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

inline bool eventually(const std::function<bool()>& is_true, std::chrono::milliseconds timeout = std::chrono::seconds(15)) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

template <class T>
T must(Result<T> result) {
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
  return std::move(*result);
}
inline void must(Result<void> result) {
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result);
}

inline std::unique_ptr<NatsServer> start_server(const std::filesystem::path& binary, const std::filesystem::path& directory) {
  NatsServerOptions options;
  options.directory = directory;
  options.binary = binary;
  return must(NatsServer::start(options));
}

inline NatsOptions as_server(const NatsServer& server) {
  NatsOptions options;
  options.credentials = server.server_file();
  options.inbox_prefix = "_INBOX_control";
  options.reconnect_wait_max = std::chrono::milliseconds(100);
  options.streams_interval = std::chrono::milliseconds(300);
  return options;
}
inline NatsOptions as_client(const NatsServer& server) {
  NatsOptions options;
  options.credentials = server.client_file();
  options.reconnect_wait_max = std::chrono::milliseconds(100);
  return options;
}

// What handlers of other threads have heard.
template <class T>
class Heard {
 public:
  void add(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
  }
  std::vector<T> all() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }
  std::size_t size() const { return all().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<T> values_;
};

}  // namespace luthier::bus
