#include "actors/core/intake_actor.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include "actors/core/messages.hpp"

using namespace luthier;
using namespace luthier::core;

namespace {

struct TestConfig : caf::actor_system_config {
  TestConfig() { set("scheduler.policy", caf::atom("testing")); }
};

struct Open final : bus::Subscription {};

// Hands on what a client says, and keeps what it is answered.
class RequestBus final : public bus::Bus {
 public:
  Handler say;
  std::vector<std::string> answers;

  void publish(bus::Message message) override { answers.push_back(std::move(message.payload)); }
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string&, Handler handler) override {
    say = std::move(handler);
    return std::unique_ptr<bus::Subscription>(new Open);
  }
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t, std::function<void(bus::Delivery)>) override {
    return std::unique_ptr<bus::Subscription>(new Open);
  }
  void acknowledge(std::uint64_t) override {}
  Result<bus::EventCopy> event_copy() override { return bus::EventCopy{}; }
  void publish_events(std::int64_t, std::vector<bus::Message>, std::function<void(Result<void>)>) override {}
  bool connected() const override { return true; }
};

bus::Message command(int number) {
  const auto id = std::to_string(number);
  return {"luthier.v1.req.default.fileset.CreateFileset", "inbox", {},
          R"({"id":")" + id + R"(","type":"CreateFileset","workspace":"default","name":"set-)" + id + R"(","data":{}})"};
}

}  // namespace

TEST_CASE("a full intake refuses at once, in front of its mailbox, and takes commands again when some are answered") {
  TestConfig config;
  caf::actor_system system{config};
  auto& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  RequestBus bus;
  Settings settings;
  settings.requests_in_flight_max = 3;
  std::vector<caf::typed_response_promise<Outcome>> undecided;
  const auto entity = system.spawn([&undecided](caf::event_based_actor* self) -> caf::behavior {
    return {[&undecided, self](const Submit&) {
              undecided.push_back(self->make_response_promise<Outcome>());
              return undecided.back();
            },
            [&undecided](const Flush&) {
              for (auto& promise : undecided) promise.deliver(Outcome{nullptr, Error{ErrorCode::conflict, "no", ""}});
              undecided.clear();
            }};
  });
  const auto intake = system.spawn(intake_actor, static_cast<bus::Bus*>(&bus), entity, std::function<void(std::string)>(), settings);
  scheduler.run();

  for (int i = 0; i < 5; ++i) bus.say(command(i));  // no actor has run meanwhile
  REQUIRE(bus.answers.size() == 2);
  for (const auto& answer : bus.answers) CHECK(answer.find("the intake is full") != std::string::npos);
  scheduler.run();
  CHECK(undecided.size() == 3);
  bus.say(command(5));
  CHECK(bus.answers.size() == 3);

  caf::anon_send(entity, Flush{});
  scheduler.run();
  CHECK(bus.answers.size() == 6);
  bus.say({"luthier.v1.req.default.fileset.CreateFileset", "inbox", {}, "no JSON"});
  bus.say(command(6));
  scheduler.run();
  CHECK(undecided.size() == 1);  // what cannot be read is answered, and takes no place
  CHECK(bus.answers.size() == 7);
  bus.say({"luthier.v1.req.default.fileset.CreateFileset", "inbox", {}, R"({"id":"seven","type":"CreateFileset","surprise":1})"});
  scheduler.run();
  CHECK(bus.answers.back().find("\"id\":\"seven\"") != std::string::npos);  // whose refusal it is can be told

  caf::anon_send(entity, Flush{});
  for (const auto& actor : {intake, entity}) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  scheduler.run();
}
