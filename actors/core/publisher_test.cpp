#include "actors/core/publisher_actor.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include "actors/core/log_actor.hpp"
#include "actors/core/messages.hpp"
#include "events/codec/codec.hpp"
#include "events/log/memory_log.hpp"

using namespace luthier;
using namespace luthier::core;

namespace {

struct TestConfig : caf::actor_system_config {
  TestConfig() { set("scheduler.policy", caf::atom("testing")); }
};

struct FixedClock final : Clock {
  Timestamp now() const override { return 1'700'000'000'000'000; }
};

// A stream that can lose its tail and refuse, as a restarted server does.
class StreamBus final : public bus::Bus {
 public:
  std::vector<bus::Message> stream;
  int refuse = 0;      // so many of the next events fail
  bool holds_answers = false;  // until they are let go
  std::vector<std::function<void()>> held;
  bool lose_answers = false;  // they are stored, and their confirmation never comes as such

  void publish(bus::Message) override {}
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string&, Handler) override { return Error{}; }
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t, std::function<void(bus::Delivery)>) override { return Error{}; }
  void acknowledge(std::uint64_t) override {}
  Result<bus::EventCopy> event_copy() override {
    return bus::EventCopy{static_cast<std::int64_t>(stream.size()), stream.empty() ? "" : *stream.back().header("Luthier-Hash")};
  }
  void publish_events(std::int64_t first, std::vector<bus::Message> messages, std::function<void(Result<void>)> done) override {
    Result<void> answer;
    for (auto position = first; auto& message : messages) {
      if (refuse > 0) --refuse, answer = Error{ErrorCode::unavailable, "no server", ""};
      else if (position != static_cast<std::int64_t>(stream.size()) + 1) answer = Error{ErrorCode::conflict, "wrong sequence", ""};
      else stream.push_back(std::move(message));
      ++position;
    }
    if (lose_answers) answer = Error{ErrorCode::unavailable, "no answer", ""};
    if (holds_answers) held.push_back([done, answer] { done(answer); });
    else done(answer);
  }
  void let_go() {
    holds_answers = false;
    for (const auto& answer : std::exchange(held, {})) answer();
  }
  bool connected() const override { return true; }
};

class Publishing {
 public:
  Publishing() : scheduler(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())) {
    log_actor_ = system.spawn(log_actor, static_cast<log::EventLog*>(&log), static_cast<const Clock*>(&clock), Settings{});
    publisher_ = system.spawn(publisher_actor, static_cast<bus::Bus*>(&bus), static_cast<const log::EventLog*>(&log), log_actor_,
                              std::function<void(std::string)>([this](std::string text) { warnings.push_back(text); }), Settings{});
  }
  ~Publishing() {
    caf::anon_send_exit(publisher_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(log_actor_, caf::exit_reason::user_shutdown);
    scheduler.run();
  }

  void append(int count) {
    for (int i = 0; i < count; ++i) {
      log::Append append;
      const auto number = std::to_string(++appended_);
      append.command = {"test", "default", number};
      const StreamKey stream{"fileset", "fileset-" + number};
      const auto event = events::encode(events::Event{events::FilesetCreated{"number " + number, "generic", ""}});
      append.expected = {{stream, 0}};
      append.events = {{stream, "default", "set-" + number, event.type, event.version, event.data}};
      caf::anon_send(log_actor_, AppendRequest{std::make_shared<const log::Append>(append)});
    }
    scheduler.run();
    pass(Settings{}.tell_interval);
  }
  void pass(std::chrono::milliseconds time) {
    scheduler.advance_time(time);
    scheduler.run();
  }
  bool is_copied() const {
    if (static_cast<Position>(bus.stream.size()) != log.head().position) return false;
    for (std::size_t i = 0; i < bus.stream.size(); ++i)
      if (bus.stream[i].header("Luthier-Hash") != (*log.read(static_cast<Position>(i) + 1, 1))[0].hash) return false;
    return true;
  }

  FixedClock clock;
  log::MemoryLog log;
  StreamBus bus;
  TestConfig config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler;
  std::vector<std::string> warnings;

 private:
  caf::actor log_actor_, publisher_;
  int appended_ = 0;
};

}  // namespace

TEST_CASE("invariant 7: the event stream has every event in order of position, also after refusals and lost answers") {
  Publishing p;
  p.append(10);
  CHECK(p.is_copied());
  p.bus.refuse = 3;
  p.append(10);
  p.pass(Settings{}.publish_retry);
  CHECK(p.is_copied());
  p.bus.lose_answers = true;
  p.append(5);
  p.pass(Settings{}.publish_retry);
  p.bus.lose_answers = false;
  p.pass(Settings{}.publish_retry);
  p.pass(Settings{}.publish_retry);
  CHECK(p.is_copied());
  CHECK(p.warnings.empty());
}

TEST_CASE("invariant 7: a stream that was thrown away, or has lost its tail, is published again") {
  Publishing p;
  p.append(600);  // more than a window
  CHECK(p.is_copied());
  p.bus.stream.resize(100);
  p.append(1);  // refused: the sequence does not follow
  p.pass(Settings{}.publish_retry);
  CHECK(p.is_copied());
  p.bus.stream.clear();
  p.append(1);
  p.pass(Settings{}.publish_retry);
  CHECK(p.is_copied());
}

TEST_CASE("invariant 7: what is committed while the window is full follows as soon as it is not, each event once and in order") {
  Publishing p;
  p.append(2);
  p.bus.holds_answers = true;
  p.append(200);
  CHECK(p.bus.stream.size() == 202);
  p.append(100);  // of which some fit
  CHECK(p.bus.stream.size() == 2 + Settings{}.publish_window_max);
  p.append(100);  // of which none does
  CHECK(p.bus.stream.size() == 2 + Settings{}.publish_window_max);
  p.bus.let_go();
  p.pass(std::chrono::milliseconds(0));
  CHECK(p.is_copied());
  p.append(30);
  CHECK(p.is_copied());
  CHECK(p.warnings.empty());
}

TEST_CASE("a stream that holds another log's event is left alone, and said") {
  Publishing p;
  p.append(3);
  p.bus.stream.back().headers = {{"Luthier-Hash", std::string(64, 'f')}};
  p.append(1);
  p.bus.stream.pop_back();
  p.bus.stream.back().headers = {{"Luthier-Hash", std::string(64, 'f')}};
  p.append(1);
  p.pass(Settings{}.publish_retry);
  REQUIRE_FALSE(p.warnings.empty());
  CHECK(p.warnings.back().find("another writer publishes") != std::string::npos);
}
