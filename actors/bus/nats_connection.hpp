// One connection to NATS and its subscriptions. Shared by the bus and the subscriptions made with it, so that either may
// end first.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/bus/nats_bus.hpp"

namespace luthier::bus {

class Listener;

class NatsConnection : public std::enable_shared_from_this<NatsConnection> {
 public:
  struct Signals {  // called from a thread of libnats; must not block
    std::function<void()> disconnected, reconnected;
  };
  static Result<std::shared_ptr<NatsConnection>> open(const NatsOptions& options, Signals signals);
  ~NatsConnection();

  natsConnection* handle() const { return handle_; }
  jsCtx* jetstream() const { return jetstream_; }
  bool connected() const;
  bool closed() const { return natsConnection_IsClosed(handle_); }
  Result<void> flush(std::chrono::milliseconds timeout) const;

  using RawHandler = std::function<void(natsMsg*)>;
  Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, RawHandler handler);

  void close();  // no signal and no handler runs after it

 private:
  friend class Listener;
  struct SignalBox;  // outlives the connection until libnats has given its last callback
  NatsConnection() = default;
  static void on_disconnected(natsConnection*, void* box);
  static void on_reconnected(natsConnection*, void* box);
  static void on_closed(natsConnection*, void* box);
  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void*);
  void bury(std::unique_ptr<Listener> listener);

  natsConnection* handle_ = nullptr;
  jsCtx* jetstream_ = nullptr;
  std::shared_ptr<SignalBox> box_;
  std::mutex graves_mutex_;
  std::vector<std::unique_ptr<Listener>> graves_;  // subscriptions that libnats may still touch
};

}  // namespace luthier::bus
