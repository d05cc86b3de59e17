#include "actors/bus/nats_bus.hpp"

#include <nats/nats.h>
#include <signal.h>

#include <fstream>
#include <future>

#include "actors/bus/nats_fixture_test.hpp"
#include "actors/bus/subjects.hpp"

using namespace luthier;
using namespace luthier::bus;

namespace {

Message command(int number) {
  return {command_subject("default", "model", "CreateModel"), {}, {}, "command " + std::to_string(number)};
}

Message event(int position) {
  return {event_subject("default", "model", "smol", "ModelCreated"),
          {},
          {{message_id_header, "log:" + std::to_string(position)}, {hash_header, "hash " + std::to_string(position)}},
          "event " + std::to_string(position)};
}

Result<void> store_event(Bus& bus, int position, Message message) {
  std::promise<Result<void>> answered;
  bus.publish_events(position, {std::move(message)}, [&](Result<void> answer) { answered.set_value(std::move(answer)); });
  return answered.get_future().get();
}

// Publishes what the copy lacks, as the publisher does: on any error it reads again where the copy stands.
void publish_up_to(Bus& bus, int last) {
  REQUIRE(eventually([&] {
    const auto copy = bus.event_copy();
    if (!copy) return false;
    if (copy->last_sequence > 0) CHECK(copy->last_hash == "hash " + std::to_string(copy->last_sequence));
    for (int position = static_cast<int>(copy->last_sequence) + 1; position <= last; ++position)
      if (!store_event(bus, position, event(position))) return false;
    return true;
  }));
}

struct RawConnection {  // libnats itself, for what our bus does not offer
  explicit RawConnection(const std::filesystem::path& credentials) {
    std::ifstream in(credentials);
    std::string url;
    in >> url;
    REQUIRE(natsConnection_ConnectTo(&connection, url.c_str()) == NATS_OK);
    REQUIRE(natsConnection_JetStream(&jetstream, connection, nullptr) == NATS_OK);
  }
  ~RawConnection() {
    jsCtx_Destroy(jetstream);
    natsConnection_Destroy(connection);
  }
  natsConnection* connection = nullptr;
  jsCtx* jetstream = nullptr;
};

}  // namespace

TEST_CASE("what one publishes another hears, with its headers") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  const auto client = must(NatsBus::connect(as_client(*server)));
  Heard<Message> heard;
  const auto subscription = must(client->subscribe("luthier.v1.tlm.>", [&](Message m) { heard.add(std::move(m)); }));
  must(client->flush(std::chrono::seconds(2)));

  control->publish({telemetry_subject("default", "kinds", "step"), "", {{"Luthier-Hash", "9f2c"}}, "{\"step\":1}"});

  REQUIRE(eventually([&] { return heard.size() == 1; }));
  const auto message = heard.all().front();
  CHECK(message.subject == "luthier.v1.tlm.default.job.kinds.step");
  CHECK(message.header("Luthier-Hash") == "9f2c");
  CHECK(message.payload == "{\"step\":1}");
}

TEST_CASE("a request is answered, and a request to nobody fails at once") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  const auto client = must(NatsBus::connect(as_client(*server)));
  const auto answering = must(control->subscribe(std::string(all_requests), [&](Message m) {
    control->publish({m.reply, "", {}, "answer to " + m.payload});
  }));
  must(control->flush(std::chrono::seconds(2)));

  const auto answer = must(client->request({"luthier.v1.req.default.model.CreateModel", "", {}, "one"}, std::chrono::seconds(5)));
  CHECK(answer.payload == "answer to one");
  const auto started = std::chrono::steady_clock::now();
  const auto nobody = client->request({"luthier.v1.qry.default.model.get", "", {}, "{}"}, std::chrono::seconds(5));
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().code == ErrorCode::unavailable);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(2));
}

TEST_CASE("nobody makes us answer to a subject that is not an inbox") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  const auto client = must(NatsBus::connect(as_client(*server)));
  Heard<std::string> replies;
  const auto requests = must(control->subscribe(std::string(all_requests), [&](Message m) { replies.add(m.reply); }));
  const auto commands = must(control->consume_commands(8, [&](Delivery d) { replies.add(d.message.reply); }));

  client->publish({"luthier.v1.req.default.model.CreateModel", "$JS.API.STREAM.DELETE.LUTHIER_EVENTS", {}, "{}"});
  auto hostile = command(1);
  hostile.headers.emplace_back(reply_to_header, "luthier.v1.evt.default.model.smol.ModelDeleted");
  must(client->publish_command(hostile));
  hostile.headers.front().second = "_INBOX.a b\tPUB";
  must(client->publish_command(hostile));

  REQUIRE(eventually([&] { return replies.size() == 3; }));
  CHECK(replies.all() == std::vector<std::string>{"", "", ""});
}

TEST_CASE("a message that would break the protocol is not sent") {
  const TemporaryDirectory directory;
  const auto server = start_server(servers().front(), directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  Heard<Message> heard;
  const auto subscription = must(control->subscribe(">", [&](Message m) { heard.add(std::move(m)); }));
  must(control->flush(std::chrono::seconds(2)));
  control->publish({"luthier.v1.receipt.x 0\r\n\r\nPUB luthier.v1.evt.forged 0\r\n\r\n", "", {}, ""});
  control->publish({"luthier.v1.receipt.*", "", {}, ""});
  control->publish({"luthier.v1..x", "", {}, ""});
  control->publish({"luthier.v1.receipt.x", "", {{"A", "b\r\nC: d"}}, ""});
  control->publish({"luthier.v1.receipt.fine", "", {}, ""});
  REQUIRE(eventually([&] { return heard.size() >= 1; }));
  REQUIRE(heard.size() == 1);
  CHECK(heard.all().front().subject == "luthier.v1.receipt.fine");
}

TEST_CASE("durable commands survive the sudden death of the server") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  { const auto intake = must(control->consume_commands(8, [](Delivery) {})); }  // makes the stream
  const auto client = must(NatsBus::connect(as_client(*server)));
  for (int i = 0; i < 20; ++i) must(client->publish_command(command(i)));

  REQUIRE(kill(server->pid(), SIGKILL) == 0);
  REQUIRE(eventually([&] { return server->restarts() == 1 && control->connected(); }));

  Heard<std::string> heard;
  std::unique_ptr<Subscription> intake;
  REQUIRE(eventually([&] {
    auto made = control->consume_commands(64, [&](Delivery d) {
      heard.add(d.message.payload);
      control->acknowledge(d.token);
    });
    if (made) intake = std::move(*made);
    return bool(made);
  }));
  REQUIRE(eventually([&] { return heard.size() >= 20; }));
  for (int i = 0; i < 20; ++i) CHECK(heard.all()[i] == "command " + std::to_string(i));
}

TEST_CASE("a command comes again until it is acknowledged, and then no more") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  auto options = as_server(*server);
  options.command_ack_wait = std::chrono::milliseconds(500);
  const auto control = must(NatsBus::connect(options));
  Heard<std::string> heard;
  auto intake = must(control->consume_commands(8, [&](Delivery d) {
    heard.add(d.message.payload);
    if (heard.size() == 3) control->acknowledge(d.token);
  }));
  const auto client = must(NatsBus::connect(as_client(*server)));
  must(client->publish_command(command(7)));
  REQUIRE(eventually([&] { return heard.size() == 3; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  CHECK(heard.all() == std::vector<std::string>(3, "command 7"));
}

TEST_CASE("what a dead control plane had taken comes to its successor at once") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto client = must(NatsBus::connect(as_client(*server)));
  Heard<std::string> first, second;
  {
    const auto control = must(NatsBus::connect(as_server(*server)));
    const auto intake = must(control->consume_commands(64, [&](Delivery d) { first.add(d.message.payload); }));
    for (int i = 0; i < 10; ++i) must(client->publish_command(command(i)));
    REQUIRE(eventually([&] { return first.size() == 10; }));
  }
  const auto control = must(NatsBus::connect(as_server(*server)));  // the default: 30 s until a redelivery
  const auto intake = must(control->consume_commands(64, [&](Delivery d) { second.add(d.message.payload); }));
  REQUIRE(eventually([&] { return second.size() == 10; }, std::chrono::seconds(3)));
  CHECK(second.all() == first.all());
}

TEST_CASE("no more commands than the credit are on their way") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  const auto client = must(NatsBus::connect(as_client(*server)));
  Heard<std::uint64_t> tokens;
  const auto intake = must(control->consume_commands(4, [&](Delivery d) { tokens.add(d.token); }));
  for (int i = 0; i < 10; ++i) must(client->publish_command(command(i)));
  REQUIRE(eventually([&] { return tokens.size() == 4; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(tokens.size() == 4);
  for (auto token : tokens.all()) control->acknowledge(token);
  CHECK(eventually([&] { return tokens.size() == 8; }));
}

TEST_CASE("a full intake refuses and keeps what it has taken") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  auto options = as_server(*server);
  options.commands_max = 5;
  const auto control = must(NatsBus::connect(options));
  { const auto intake = must(control->consume_commands(1, [](Delivery) {})); }
  const auto client = must(NatsBus::connect(as_client(*server)));
  for (int i = 0; i < 5; ++i) must(client->publish_command(command(i)));
  const auto refused = client->publish_command(command(5));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::limit);
  Heard<std::string> heard;
  const auto intake = must(control->consume_commands(64, [&](Delivery d) { heard.add(d.message.payload); }));
  REQUIRE(eventually([&] { return heard.size() == 5; }));
}

TEST_CASE("the sequence of the event stream is the position in the log") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  CHECK(must(control->event_copy()).last_sequence == 0);
  const auto client = must(NatsBus::connect(as_client(*server)));
  Heard<std::string> heard;
  const auto listening = must(client->subscribe(std::string(all_events), [&](Message m) { heard.add(m.payload); }));
  must(client->flush(std::chrono::seconds(2)));

  Heard<int> answered;
  for (int position = 1; position <= 500; ++position)
    control->publish_events(position, {event(position)}, [&, position](Result<void> answer) {
      if (answer) answered.add(position);
    });
  REQUIRE(eventually([&] { return answered.size() == 500; }));
  for (int i = 0; i < 500; ++i) REQUIRE(answered.all()[i] == i + 1);
  const auto copy = must(control->event_copy());
  CHECK(copy.last_sequence == 500);
  CHECK(copy.last_hash == "hash 500");
  REQUIRE(eventually([&] { return heard.size() == 500; }));
  CHECK(heard.all().back() == "event 500");
}

TEST_CASE("events that are published together are stored one by one and confirmed together") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  must(control->event_copy());
  Heard<int> stored, refused;
  const auto publish = [&](int first, int count) {
    std::vector<Message> messages;
    for (int position = first; position < first + count; ++position) messages.push_back(event(position));
    control->publish_events(first, std::move(messages), [&, first](Result<void> answer) {
      if (!answer) CHECK(answer.error().code == ErrorCode::conflict);
      (answer ? stored : refused).add(first);
    });
  };
  publish(1, 60);
  publish(61, 1);
  publish(62, 39);
  publish(102, 20);  // 101 is missing: none of them follows
  publish(101, 5);
  REQUIRE(eventually([&] { return stored.size() == 4 && refused.size() == 1; }));
  CHECK(stored.all() == std::vector<int>{1, 61, 62, 101});
  CHECK(refused.all() == std::vector<int>{102});
  const auto copy = must(control->event_copy());
  CHECK(copy.last_sequence == 105);
  CHECK(copy.last_hash == "hash 105");
}

TEST_CASE("a second writer of the event stream gets a conflict") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto one = must(NatsBus::connect(as_server(*server)));
  const auto two = must(NatsBus::connect(as_server(*server)));
  must(one->event_copy());
  must(store_event(*one, 1, event(1)));
  auto other = event(1);
  other.headers.front().second = "other log:1";
  const auto refused = store_event(*two, 1, other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
  // The same event again: 2.9 knows its id and says yes, later servers look at the sequence first. The copy is the same.
  const auto repeated = store_event(*two, 1, event(1));
  CHECK((repeated || repeated.error().code == ErrorCode::conflict));
  CHECK(must(two->event_copy()).last_hash == "hash 1");
  // Nor does a stream that is behind take an event from the future.
  const auto early = store_event(*one, 5, event(5));
  REQUIRE_FALSE(early);
  CHECK(early.error().code == ErrorCode::conflict);
}

TEST_CASE("a lost tail of the event stream is published again under the same sequences") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto store = directory.path() / "jetstream", saved = directory.path() / "older";
  {
    const auto server = start_server(binary, directory.path());
    const auto control = must(NatsBus::connect(as_server(*server)));
    publish_up_to(*control, 60);
  }
  std::filesystem::copy(store, saved, std::filesystem::copy_options::recursive);
  {
    const auto server = start_server(binary, directory.path());
    const auto control = must(NatsBus::connect(as_server(*server)));
    publish_up_to(*control, 100);
  }
  std::filesystem::remove_all(store);
  std::filesystem::rename(saved, store);
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  CHECK(must(control->event_copy()).last_sequence == 60);
  publish_up_to(*control, 110);
  const auto copy = must(control->event_copy());
  CHECK(copy.last_sequence == 110);
  CHECK(copy.last_hash == "hash 110");
}

TEST_CASE("every event is answered exactly once although the server dies") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  auto options = as_server(*server);
  options.event_wait = std::chrono::milliseconds(1500);
  const auto control = must(NatsBus::connect(options));
  must(control->event_copy());
  Heard<int> answered;
  std::atomic<int> stored = 0;
  for (int position = 1; position <= 3000; ++position) {
    control->publish_events(position, {event(position)}, [&, position](Result<void> answer) {
      answered.add(position);
      if (answer) ++stored;
    });
    if (position == 1500) REQUIRE(kill(server->pid(), SIGKILL) == 0);
  }
  REQUIRE(eventually([&] { return answered.size() == 3000; }));
  const auto order = answered.all();
  for (int i = 0; i < 3000; ++i) REQUIRE(order[i] == i + 1);
  REQUIRE(eventually([&] { return control->connected(); }));
  publish_up_to(*control, 3000);
  CHECK(must(control->event_copy()).last_sequence == 3000);
  CHECK(answered.size() == 3000);
}

TEST_CASE("an event that is on its way when the bus ends is answered") {
  const TemporaryDirectory directory;
  const auto server = start_server(servers().front(), directory.path());
  Heard<int> answered;
  {
    const auto control = must(NatsBus::connect(as_server(*server)));
    must(control->event_copy());
    for (int position = 1; position <= 50; ++position)
      control->publish_events(position, {event(position)}, [&, position](Result<void>) { answered.add(position); });
  }
  CHECK(answered.size() == 50);
}

TEST_CASE("streams that the server lost are made again") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  Heard<std::string> heard;
  const auto intake = must(control->consume_commands(8, [&](Delivery d) {
    heard.add(d.message.payload);
    control->acknowledge(d.token);
  }));
  const auto client = must(NatsBus::connect(as_client(*server)));
  publish_up_to(*control, 5);

  SECTION("under our feet") {
    const RawConnection admin(server->server_file());
    REQUIRE(js_DeleteStream(admin.jetstream, "LUTHIER_COMMANDS", nullptr, nullptr) == NATS_OK);
    REQUIRE(js_DeleteStream(admin.jetstream, "LUTHIER_EVENTS", nullptr, nullptr) == NATS_OK);
    const auto lost = store_event(*control, 6, event(6));
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code == ErrorCode::unavailable);
  }
  SECTION("while it was away") {
    server->stop();
    server.reset();
    std::filesystem::remove_all(directory.path() / "jetstream");
    server = start_server(binary, directory.path());
    REQUIRE(eventually([&] { return control->connected() && client->connected(); }));
  }
  REQUIRE(eventually([&] { return bool(client->publish_command(command(1))); }));
  REQUIRE(eventually([&] { return heard.size() >= 1; }));
  publish_up_to(*control, 8);
  CHECK(must(control->event_copy()).last_sequence == 8);
}

TEST_CASE("no handler runs after its subscription has ended") {
  const TemporaryDirectory directory;
  const auto server = start_server(servers().front(), directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  std::atomic<bool> flooding = true;
  std::thread flood([&] {
    while (flooding) control->publish({"luthier.v1.tlm.default.job.kinds.step", "", {}, "x"});
  });
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_shared<std::atomic<bool>>(true);
    auto heard = std::make_shared<std::atomic<int>>(0);
    auto late = std::make_shared<std::atomic<int>>(0);
    auto subscription = must(control->subscribe("luthier.v1.tlm.>", [=](Message) {
      ++*heard;
      if (!*alive) ++*late;
    }));
    eventually([&] { return *heard > 10; }, std::chrono::seconds(2));
    subscription.reset();
    *alive = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(*late == 0);
  }
  flooding = false;
  flood.join();
}

TEST_CASE("without a server connecting fails in time, and wrong credentials are told apart") {
  NatsOptions nobody;
  nobody.url = "nats://127.0.0.1:1";
  nobody.connect_wait = std::chrono::milliseconds(200);
  const auto absent = NatsBus::connect(nobody);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == ErrorCode::unavailable);

  const TemporaryDirectory directory;
  const auto server = start_server(servers().front(), directory.path());
  NatsOptions anonymous;
  anonymous.url = server->url();
  const auto refused = NatsBus::connect(anonymous);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid);
  anonymous.credentials = directory.path() / "absent";
  CHECK(NatsBus::connect(anonymous).error().code == ErrorCode::not_found);
  NatsOptions both;
  both.url = server->url();
  both.credentials = server->client_file();
  CHECK(NatsBus::connect(both));
}
