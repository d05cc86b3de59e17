// The bus: the one door to messages. The real one is NATS; simulations have one in memory that loses, repeats, delays and
// reorders.
//
// Handlers run on the bus's own threads and must only hand the message on (an anon_send): never block, never throw.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::bus {

struct Message {
  std::string subject;
  std::string reply;  // where an answer goes; empty: nobody waits
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;
  std::optional<std::string> header(const std::string& name) const;
};

// A command from the durable intake (JetStream work queue LUTHIER_COMMANDS). It comes again, after a while or a restart,
// until it is acknowledged.
struct Delivery {
  Message message;  // `reply` is the header Luthier-Reply-To: a JetStream publish replaces the reply subject
  std::uint64_t token = 0;
};

// The copy of the log on the bus (JetStream stream LUTHIER_EVENTS): its sequence is the log's position.
struct EventCopy {
  std::int64_t last_sequence = 0;
  std::string last_hash;  // of the event stored there; empty: the stream is empty
};

class Subscription {  // ends when it is destroyed: no handler runs after that
 public:
  virtual ~Subscription() = default;
};

class Bus {
 public:
  using Handler = std::function<void(Message)>;
  virtual ~Bus() = default;

  // At most once, not waiting: what cannot be sent now is lost.
  virtual void publish(Message message) = 0;
  virtual Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) = 0;

  // At most `credit` deliveries are unacknowledged at a time.
  virtual Result<std::unique_ptr<Subscription>> consume_commands(std::size_t credit,
                                                                std::function<void(Delivery)> handler) = 0;
  virtual void acknowledge(std::uint64_t token) = 0;

  // Blocks up to a time-out. Creates the stream when it is missing.
  virtual Result<EventCopy> event_copy() = 0;
  // Stores the events of the positions from `first` on under these sequences, each only if the stream's last sequence is the one
  // before it: so the last of them is stored when all are, and only it is confirmed. Does not block; `done` is called once, from a
  // thread of the bus, also when the server is gone (unavailable) or the stream is at another sequence (conflict); some of
  // them may be stored then. In order of the calls. A conflict may be an event of our own that arrived after we had given it
  // up: only another hash in event_copy() tells of a second writer.
  virtual void publish_events(std::int64_t first, std::vector<Message> messages, std::function<void(Result<void>)> done) = 0;

  virtual bool connected() const = 0;
};

}  // namespace luthier::bus
