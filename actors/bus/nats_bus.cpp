#include "actors/bus/nats_bus.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "actors/bus/command_intake.hpp"
#include "actors/bus/event_window.hpp"
#include "actors/bus/jetstream.hpp"
#include "actors/bus/nats_connection.hpp"
#include "actors/bus/nats_message.hpp"
#include "actors/bus/outbox.hpp"

namespace luthier::bus {
namespace {

Error disconnected_error() { return {ErrorCode::unavailable, "not connected to NATS", {}}; }

std::string new_default_inbox() {
  natsInbox* raw = nullptr;
  if (natsInbox_Create(&raw) != NATS_OK) return {};
  std::string inbox = raw;
  natsInbox_Destroy(raw);
  return inbox;
}

std::string unique_token() {
  const auto inbox = new_default_inbox();
  return inbox.substr(inbox.rfind('.') + 1);
}

// The acknowledgement that the server understands without a body.
Message acknowledgement_to(std::string subject) { return {std::move(subject), {}, {}, {}}; }

void warn_once(std::string& last, const std::string& text) {
  if (text == last) return;
  last = text;
  if (!text.empty()) spdlog::warn("nats: {}", text);
}

}  // namespace

struct NatsBus::Parts {
  explicit Parts(const NatsOptions& given)
      : options(given),
        window(given.events_in_flight_max),
        outbox(given.outgoing_max, given.outgoing_bytes_max),
        answers_prefix((given.inbox_prefix.empty() ? "_INBOX" : given.inbox_prefix) + ".events." + unique_token() + ".") {}

  void write_loop();
  void write(Outbox::Entry& entry);
  void write_event(Outbox::Entry& entry);
  Result<void> send(const Message& message) const;
  void on_event_answer(natsMsg* answer);
  void look_after_loop();
  Result<void> drop_consumer();
  Result<void> ensure_consumer(std::size_t credit);
  void kick();

  const NatsOptions options;
  EventWindow window;
  Outbox outbox;
  const std::string answers_prefix;  // of the inbox where the answers to publish_events come
  std::shared_ptr<NatsConnection> connection;
  std::unique_ptr<Subscription> answers;

  struct Streams {  // shared with the subscription, which may end after the bus
    std::mutex mutex;
    std::size_t credit = 0;  // of the consumer of commands; 0: there is none
  };
  const std::shared_ptr<Streams> streams = std::make_shared<Streams>();

  std::mutex kick_mutex;
  std::condition_variable kicked;
  bool is_kicked = false, stopping = false;

  std::mutex intake_mutex;
  std::shared_ptr<CommandIntake> intake;

  std::thread writer, answerer, keeper;
};

// ------------------------------------------------------------------------------------------------------------- life

Result<std::unique_ptr<NatsBus>> NatsBus::connect(const NatsOptions& options) {
  auto parts = std::make_unique<Parts>(options);
  NatsConnection::Signals signals;
  signals.disconnected = [p = parts.get()] { p->window.fail_all(disconnected_error()); };
  signals.reconnected = [p = parts.get()] { p->kick(); };
  auto connection = NatsConnection::open(options, std::move(signals));
  if (!connection) return connection.error();
  parts->connection = std::move(*connection);
  return std::unique_ptr<NatsBus>(new NatsBus(std::move(parts)));
}

NatsBus::NatsBus(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  auto* p = parts_.get();
  p->answerer = std::thread([p] {
    while (auto call = p->window.take()) (*call)();
  });
  p->writer = std::thread([p] { p->write_loop(); });
  p->keeper = std::thread([p] { p->look_after_loop(); });
}

NatsBus::~NatsBus() {
  parts_->outbox.close();
  parts_->writer.join();
  {
    const std::lock_guard lock(parts_->kick_mutex);
    parts_->stopping = true;
    parts_->kicked.notify_all();
  }
  parts_->keeper.join();
  if (connected()) (void)parts_->connection->flush(std::chrono::milliseconds(1000));
  parts_->answers.reset();
  parts_->connection->close();
  parts_->window.close(disconnected_error());
  parts_->answerer.join();
}

bool NatsBus::connected() const { return parts_->connection->connected(); }
bool NatsBus::closed() const { return parts_->connection->closed(); }

// ---------------------------------------------------------------------------------------------------------- writing

void NatsBus::publish(Message message) {
  parts_->outbox.put({Outbox::Entry::Kind::message, std::move(message), 0, false, {}});
}

void NatsBus::acknowledge(std::uint64_t token) {
  std::shared_ptr<CommandIntake> intake;
  {
    const std::lock_guard lock(parts_->intake_mutex);
    intake = parts_->intake;
  }
  if (!intake) return;
  if (auto subject = intake->take(token))
    parts_->outbox.put({Outbox::Entry::Kind::acknowledgement, acknowledgement_to(std::move(*subject)), 0, false, {}});
}

void NatsBus::publish_events(std::int64_t first, std::vector<Message> messages, std::function<void(Result<void>)> done) {
  const auto deadline = std::chrono::steady_clock::now() + parts_->options.event_wait;
  const auto last = first + static_cast<std::int64_t>(messages.size()) - 1;
  const auto id = parts_->window.add(last, deadline, std::move(done));
  if (!id) return;
  std::vector<Outbox::Entry> entries;
  for (auto position = first; auto& message : messages) {
    message.headers.emplace_back("Nats-Expected-Stream", events_stream);
    // By hand: the library leaves the header out when the number is 0, and then an event 1 would go into any stream.
    message.headers.emplace_back("Nats-Expected-Last-Sequence", std::to_string(position - 1));
    entries.push_back({Outbox::Entry::Kind::event, std::move(message), *id, position == last, {}});
    ++position;
  }
  if (!parts_->outbox.put(entries)) parts_->window.resolve(*id, Error{ErrorCode::limit, "too much waits to be sent to NATS", {}});
}

void NatsBus::Parts::write_loop() {
  while (auto entry = outbox.take()) write(*entry);
}

void NatsBus::Parts::write(Outbox::Entry& entry) {
  if (entry.kind == Outbox::Entry::Kind::fence) return entry.written->set_value();
  if (entry.kind == Outbox::Entry::Kind::event) return write_event(entry);
  // While the connection is away, libnats keeps what is published, up to a bound, and sends it late. That is right for
  // an acknowledgement; a late answer or heartbeat would only mislead.
  if (entry.kind == Outbox::Entry::Kind::message && !connection->connected()) return;
  if (auto sent = send(entry.message); !sent && sent.error().code != ErrorCode::unavailable)
    spdlog::warn("nats: a message was not sent: {}", sent.error().message);
}

void NatsBus::Parts::write_event(Outbox::Entry& entry) {
  if (!window.position_of(entry.event_id)) return;  // given up already
  if (!connection->connected()) return window.resolve(entry.event_id, disconnected_error());
  if (!answers) {
    auto subscribed = connection->subscribe(answers_prefix + "*", [this](natsMsg* answer) { on_event_answer(answer); });
    if (!subscribed) return window.resolve(entry.event_id, subscribed.error());
    answers = std::move(*subscribed);
  }
  if (entry.is_last) entry.message.reply = answers_prefix + std::to_string(entry.event_id);
  if (auto sent = send(entry.message); !sent) window.resolve(entry.event_id, sent.error());
}

Result<void> NatsBus::Parts::send(const Message& message) const {
  auto made = to_nats(message);
  if (!made) return made.error();
  const auto status = natsConnection_PublishMsg(connection->handle(), made->get());
  if (status != NATS_OK) return nats_error(status, "publishing");
  return {};
}

void NatsBus::Parts::on_event_answer(natsMsg* answer) {
  const std::string_view subject = natsMsg_GetSubject(answer);
  const auto digits = subject.substr(subject.rfind('.') + 1);
  std::uint64_t id = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), id).ec != std::errc()) return;
  const auto position = window.position_of(id);
  if (!position) return;
  auto sequence = parse_publish_answer(answer);
  if (!sequence) return window.resolve(id, sequence.error());
  if (static_cast<std::int64_t>(*sequence) != *position)  // the same message id was stored elsewhere before
    return window.resolve(id, Error{ErrorCode::conflict,
                                    "event " + std::to_string(*position) + " is stored at sequence " + std::to_string(*sequence), {}});
  window.resolve(id, Result<void>());
}

// -------------------------------------------------------------------------------------------------------- listening

Result<std::unique_ptr<Subscription>> NatsBus::subscribe(const std::string& subject, Handler handler) {
  return parts_->connection->subscribe(subject, [handler = std::move(handler)](natsMsg* raw) {
    auto message = from_nats(raw);
    if (!is_inbox(message.reply)) message.reply.clear();
    handler(std::move(message));
  });
}

namespace {

class CommandSubscription final : public Subscription {
 public:
  CommandSubscription(std::unique_ptr<Subscription> inner, std::function<void()> end)
      : inner_(std::move(inner)), end_(std::move(end)) {}
  ~CommandSubscription() override {
    inner_.reset();
    end_();
  }

 private:
  std::unique_ptr<Subscription> inner_;
  std::function<void()> end_;
};

}  // namespace

Result<std::unique_ptr<Subscription>> NatsBus::consume_commands(std::size_t credit,
                                                                std::function<void(Delivery)> handler) {
  if (credit == 0) return invalid("a consumer of commands needs a credit of at least 1", "credit");
  auto intake = std::make_shared<CommandIntake>(credit);
  const std::lock_guard lock(parts_->streams->mutex);
  if (auto dropped = parts_->drop_consumer(); !dropped) return dropped.error();
  auto inner = parts_->connection->subscribe(deliver_subject, [intake, handler = std::move(handler)](natsMsg* raw) {
    Delivery delivery;
    delivery.message = from_nats(raw);
    delivery.token = intake->add(std::move(delivery.message.reply));
    delivery.message.reply = delivery.message.header(reply_to_header).value_or("");
    if (!is_inbox(delivery.message.reply)) delivery.message.reply.clear();
    handler(std::move(delivery));
  });
  if (!inner) return inner.error();
  {
    const std::lock_guard taking(parts_->intake_mutex);
    parts_->intake = std::move(intake);
  }
  if (auto made = parts_->ensure_consumer(credit); !made) return made.error();
  parts_->streams->credit = credit;
  auto end = [streams = parts_->streams] {
    const std::lock_guard ending(streams->mutex);
    streams->credit = 0;
  };
  return std::unique_ptr<Subscription>(new CommandSubscription(std::move(*inner), std::move(end)));
}

// ------------------------------------------------------------------------------------------------- the two streams

Result<EventCopy> NatsBus::event_copy() {
  if (!connected()) return disconnected_error();
  const std::lock_guard lock(parts_->streams->mutex);
  return ensure_events_stream(parts_->connection->jetstream(), parts_->options);
}

Result<void> NatsBus::Parts::drop_consumer() {
  if (!connection->connected()) return disconnected_error();
  return drop_commands_consumer(connection->jetstream(), options);
}

Result<void> NatsBus::Parts::ensure_consumer(std::size_t credit) {
  auto* jetstream = connection->jetstream();
  if (auto made = ensure_commands_stream(jetstream, options); !made) return made;
  return ensure_commands_consumer(jetstream, options, credit);
}

void NatsBus::Parts::kick() {
  const std::lock_guard lock(kick_mutex);
  is_kicked = true;
  kicked.notify_all();
}

// A server may come back without its JetStream state, or lose it under our feet: the intake is level-triggered.
void NatsBus::Parts::look_after_loop() {
  std::string last_trouble;
  std::unique_lock lock(kick_mutex);
  while (!stopping) {
    kicked.wait_for(lock, options.streams_interval, [this] { return stopping || is_kicked; });
    if (stopping) return;
    is_kicked = false;
    lock.unlock();
    Result<void> looked;
    {
      const std::lock_guard held(streams->mutex);
      if (streams->credit > 0 && connection->connected()) looked = ensure_consumer(streams->credit);
    }
    warn_once(last_trouble, looked ? std::string() : looked.error().message);
    lock.lock();
    if (!looked && !stopping) kicked.wait_for(lock, std::chrono::milliseconds(250), [this] { return stopping; });
    if (!looked) is_kicked = true;
  }
}

// ---------------------------------------------------------------------------------------------------------- clients

Result<Message> NatsBus::request(Message message, std::chrono::milliseconds timeout) {
  auto made = to_nats(message);
  if (!made) return made.error();
  if (!connected()) return disconnected_error();
  natsMsg* raw = nullptr;
  const auto status = natsConnection_RequestMsg(&raw, parts_->connection->handle(), made->get(), timeout.count());
  const NatsMessage answer(raw);
  if (status != NATS_OK) return nats_error(status, "asking " + message.subject);
  return from_nats(raw);
}

Result<void> NatsBus::publish_command(Message message) {
  auto made = to_nats(message);
  if (!made) return made.error();
  if (!connected()) return disconnected_error();
  natsMsg* raw = nullptr;
  const auto status =
      natsConnection_RequestMsg(&raw, parts_->connection->handle(), made->get(), parts_->options.request_wait.count());
  const NatsMessage answer(raw);
  if (status != NATS_OK) return nats_error(status, "storing the command");
  auto sequence = parse_publish_answer(raw);
  if (!sequence) return with_context(sequence.error(), "storing the command");
  return {};
}

std::string NatsBus::new_inbox() const { return new_default_inbox(); }

Result<void> NatsBus::flush(std::chrono::milliseconds timeout) {
  auto written = std::make_shared<std::promise<void>>();
  auto reached = written->get_future();
  Outbox::Entry fence;
  fence.kind = Outbox::Entry::Kind::fence;
  fence.written = std::move(written);
  if (!parts_->outbox.put(std::move(fence)) || reached.wait_for(timeout) != std::future_status::ready)
    return Error{ErrorCode::unavailable, "what waits to be sent to NATS could not be sent in time", {}};
  return parts_->connection->flush(timeout);
}

}  // namespace luthier::bus
