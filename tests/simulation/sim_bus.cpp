#include "tests/simulation/sim_bus.hpp"

namespace luthier::simulation {
namespace {

constexpr Time ack_wait{5'000'000};

std::string token_at(const std::string& subject, std::size_t& from) {
  const auto dot = subject.find('.', from);
  auto token = subject.substr(from, dot == std::string::npos ? dot : dot - from);
  from = dot == std::string::npos ? std::string::npos : dot + 1;
  return token;
}

}  // namespace

bool matches(const std::string& pattern, const std::string& subject) {
  std::size_t p = 0, s = 0;
  while (p != std::string::npos && s != std::string::npos) {
    const auto wanted = token_at(pattern, p);
    if (wanted == ">") return true;
    const auto token = token_at(subject, s);
    if (wanted != "*" && wanted != token) return false;
  }
  return p == s;
}

struct SimBus::Ended final : bus::Subscription {
  explicit Ended(std::function<void()> end) : end(std::move(end)) {}
  ~Ended() override { end(); }
  std::function<void()> end;
};

Time SimBus::some_delay() {
  return agenda_.time_between(Time{100}, agenda_.happens(faults_.late) ? faults_.late_max : faults_.delay_max);
}

void SimBus::publish(bus::Message message) {
  if (!is_up_) return;
  for (const auto& [id, subscriber] : subscribers_) {
    if (!matches(subscriber.first, message.subject)) continue;
    const int copies = agenda_.happens(faults_.lose) ? 0 : agenda_.happens(faults_.repeat) ? 2 : 1;
    for (int i = 0; i < copies; ++i)
      agenda_.in(some_delay(), [this, id = id, message] {
        const auto found = subscribers_.find(id);
        if (is_up_ && found != subscribers_.end()) found->second.second(message);
      });
  }
}

Result<std::unique_ptr<bus::Subscription>> SimBus::subscribe(const std::string& subject, Handler handler) {
  if (!is_up_) return Error{ErrorCode::unavailable, "the bus is down", ""};
  const auto id = next_id_++;
  subscribers_[id] = {subject, std::move(handler)};
  return std::unique_ptr<bus::Subscription>(new Ended([this, id] { subscribers_.erase(id); }));
}

Result<std::unique_ptr<bus::Subscription>> SimBus::consume_commands(std::size_t credit,
                                                                   std::function<void(bus::Delivery)> handler) {
  if (!is_up_) return Error{ErrorCode::unavailable, "the bus is down", ""};
  const auto id = next_id_++;
  consumers_[id] = {credit, std::move(handler)};
  for (auto& [token, stored] : commands_) stored.delivered.reset();
  deliver_commands();
  return std::unique_ptr<bus::Subscription>(new Ended([this, id] { consumers_.erase(id); }));
}

bool SimBus::publish_command(bus::Message message) {
  if (!is_up_) return false;
  commands_[next_id_++] = {std::move(message), std::nullopt};
  deliver_commands();
  return true;
}

// What is not acknowledged is delivered, and again after a while.
void SimBus::deliver_commands() {
  if (!is_up_ || consumers_.empty()) return;
  const auto consumer_id = consumers_.begin()->first;
  std::size_t outstanding = 0;
  for (auto& [token, stored] : commands_) {
    if (outstanding++ >= consumers_.begin()->second.first) break;
    if (stored.delivered && agenda_.now() - *stored.delivered < ack_wait) continue;
    stored.delivered = agenda_.now();
    const int copies = agenda_.happens(faults_.repeat) ? 2 : 1;
    for (int i = 0; i < copies; ++i)
      agenda_.in(some_delay(), [this, consumer_id, token = token] {
        const auto consumer = consumers_.find(consumer_id);
        const auto command = commands_.find(token);
        if (is_up_ && consumer != consumers_.end() && command != commands_.end())
          consumer->second.second({command->second.message, token});
      });
    agenda_.in(ack_wait, [this] { deliver_commands(); });
  }
}

void SimBus::acknowledge(std::uint64_t token) {
  if (!is_up_ || agenda_.happens(faults_.lose)) return;
  commands_.erase(token);
  deliver_commands();
}

Result<bus::EventCopy> SimBus::event_copy() {
  if (!is_up_) return Error{ErrorCode::unavailable, "the bus is down", ""};
  bus::EventCopy copy;
  copy.last_sequence = static_cast<std::int64_t>(events_.size());
  if (!events_.empty()) copy.last_hash = events_.back().header("Luthier-Hash").value_or("");
  return copy;
}

// Each of them may be lost on its way; those behind it do not follow then, nor does the one that is confirmed.
void SimBus::publish_events(std::int64_t first, std::vector<bus::Message> messages, std::function<void(Result<void>)> done) {
  Result<void> answer;
  for (auto position = first; auto& message : messages) {
    if (!is_up_ || agenda_.happens(faults_.lose)) {
      answer = Error{ErrorCode::unavailable, "no answer", ""};
    } else if (position != static_cast<std::int64_t>(events_.size()) + 1) {
      answer = Error{ErrorCode::conflict, "wrong last sequence", ""};
    } else {
      events_.push_back(message);
      publish(std::move(message));
    }
    ++position;
  }
  if (agenda_.happens(faults_.lose)) answer = Error{ErrorCode::unavailable, "no answer", ""};
  agenda_.in(some_delay(), [done = std::move(done), answer = std::move(answer)] { done(answer); });
}

void SimBus::stop() { is_up_ = false; }

void SimBus::start(std::size_t lose_events) {
  is_up_ = true;
  for (; lose_events > 0 && !events_.empty(); --lose_events) events_.pop_back();
  for (auto& [token, stored] : commands_) stored.delivered.reset();
  deliver_commands();
}

}  // namespace luthier::simulation
