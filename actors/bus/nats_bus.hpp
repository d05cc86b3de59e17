// The bus over NATS. It reconnects for ever with a jittered back-off; what the server lost of its JetStream state is
// made again.
//
// Nothing here waits for the server except where a comment says so: a thread of its own writes, another gives the
// answers of publish_events, a third looks after the streams.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/bus/bus.hpp"

namespace luthier::bus {

struct NatsOptions {
  std::string url;                    // "nats://127.0.0.1:4222", with user and password if need be; empty: in the file
  std::filesystem::path credentials;  // one line with a URL (nats/client.url), or a NATS credentials file; may be empty
  std::string name = "luthier";       // what the server's monitoring shows
  std::string inbox_prefix;           // empty: "_INBOX". The control plane's is one that clients cannot listen to
  std::chrono::milliseconds connect_wait{5000};     // how long `connect` tries
  std::chrono::milliseconds request_wait{3000};     // event_copy, publish_command
  std::chrono::milliseconds event_wait{5000};       // until an unconfirmed event counts as lost
  std::chrono::milliseconds reconnect_wait_max{2000};
  std::chrono::milliseconds streams_interval{5000};  // how often the command consumer is looked after
  std::chrono::milliseconds command_ack_wait{30000};
  std::size_t outgoing_max = 65536;                 // messages that wait to be written; more are dropped
  std::size_t outgoing_bytes_max = 64 << 20;
  std::size_t events_in_flight_max = 4096;
  std::int64_t commands_max = 100'000;              // in the durable intake; more are refused
  std::int64_t commands_bytes_max = 64 << 20;
  std::int64_t command_bytes_max = 1 << 20;
  std::int64_t events_bytes_max = -1;               // of the copy of the log; -1: no bound, the log keeps all anyway
};

class NatsBus final : public Bus {
 public:
  static Result<std::unique_ptr<NatsBus>> connect(const NatsOptions& options);
  ~NatsBus() override;  // sends what waits, for a second at most

  void publish(Message message) override;
  // Not to be destroyed by its own handler.
  Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) override;
  // Blocks up to `request_wait`. One consumer at a time: it takes over from one before it, whose unacknowledged
  // commands come again at once.
  Result<std::unique_ptr<Subscription>> consume_commands(std::size_t credit, std::function<void(Delivery)> handler) override;
  void acknowledge(std::uint64_t token) override;
  Result<EventCopy> event_copy() override;
  void publish_events(std::int64_t first, std::vector<Message> messages, std::function<void(Result<void>)> done) override;
  bool connected() const override;

  // The connection has ended for good (refused credentials): only a new bus helps.
  bool closed() const;

  // For clients; each blocks up to its time-out.
  Result<Message> request(Message message, std::chrono::milliseconds timeout);
  // Stored by the server when this returns. The receipt comes to the header Luthier-Reply-To and to receipt.<id>.
  Result<void> publish_command(Message message);
  std::string new_inbox() const;
  Result<void> flush(std::chrono::milliseconds timeout);  // all that was published or subscribed has reached the server

 private:
  struct Parts;
  explicit NatsBus(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

inline constexpr const char* reply_to_header = "Luthier-Reply-To";
inline constexpr const char* hash_header = "Luthier-Hash";            // of an event: what event_copy() reads back
inline constexpr const char* message_id_header = "Nats-Msg-Id";       // of an event: "<log id>:<position>"

}  // namespace luthier::bus
