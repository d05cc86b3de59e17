#include "actors/bus/nats_server.hpp"

#include <nats/nats.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "actors/bus/loopback_port.hpp"
#include "actors/bus/nats_config.hpp"
#include "actors/bus/nats_fixture_test.hpp"
#include "actors/bus/subjects.hpp"

using namespace luthier;
using namespace luthier::bus;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

unsigned mode_of(const fs::path& file) {
  struct stat info{};
  REQUIRE(stat(file.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

bool is_alive(pid_t pid) { return kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("the version of a server is read from what it prints") {
  CHECK(must(parse_nats_version("nats-server: v2.9.10\n")) == NatsVersion{2, 9, 10});
  CHECK(must(parse_nats_version("nats-server: v2.15.1")) == NatsVersion{2, 15, 1});
  CHECK(must(parse_nats_version("nats-server: v2.12.0-RC.3")) == NatsVersion{2, 12, 0});
  for (const std::string text : {"", "v", "nats-server", "v2", "v2.x.1", "v99999999999.1.1"}) CHECK_FALSE(parse_nats_version(text));
}

TEST_CASE("a server is found, or what would help is said") {
  CHECK(find_nats_server("/bin/absent", "").error().code == ErrorCode::not_found);
  CHECK_FALSE(find_nats_server("/bin/false", ""));
  for (const auto& server : servers()) CHECK(must(find_nats_server(server, "")).path == server);
}

TEST_CASE("only a server that knows sync_interval is told one") {
  NatsConfig config;
  config.sync_interval = "2s";
  config.version = {2, 9, 10};
  CHECK(config_text(config).find("sync_interval") == std::string::npos);
  config.version = {2, 10, 0};
  CHECK(config_text(config).find("sync_interval: \"2s\"") != std::string::npos);
  config.store_directory = "/data/with \"quotes\" and \\";
  CHECK(config_text(config).find(R"(store_dir: "/data/with \"quotes\" and \\")") != std::string::npos);
}

TEST_CASE("the files of the server are for its owner alone") {
  const TemporaryDirectory directory;
  const auto server = start_server(servers().front(), directory.path() / "nats");
  CHECK(mode_of(directory.path() / "nats") == 0700);
  for (const char* name : {"credentials.json", "server.conf", "server.url", "client.url", "worker.url", "server.log"})
    CHECK(mode_of(directory.path() / "nats" / name) == 0600);
  CHECK(text_of(server->client_file()).substr(0, 14) == "nats://client:");
  CHECK(text_of(server->client_file()).find("@127.0.0.1:" + std::to_string(server->port()) + "\n") != std::string::npos);
}

TEST_CASE("a server keeps its port and its passwords, and works in a folder with a difficult name") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto data = directory.path() / "a \"folder\" of mine";
  std::string url;
  {
    const auto server = start_server(binary, data);
    url = text_of(server->client_file());
    const auto started = std::chrono::steady_clock::now();
    server->stop();
    CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(5));
    CHECK(server->pid() == 0);
  }
  const auto server = start_server(binary, data);
  CHECK(text_of(server->client_file()) == url);
  CHECK(fs::exists(data / "jetstream"));
}

TEST_CASE("streams of a newer server are put aside for an older one, and of an older one kept for a newer one") {
  std::vector<NatsBinary> sorted;
  for (const auto& server : servers()) sorted.push_back(must(find_nats_server(server, "")));
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  const TemporaryDirectory directory;
  const auto marker = directory.path() / "jetstream" / "marker";
  const auto start_once = [&](const NatsBinary& server) {
    start_server(server.path, directory.path())->stop();
    const bool is_kept = fs::exists(marker);
    std::ofstream(marker) << "mine";
    return is_kept;
  };
  start_once(sorted.front());
  CHECK(start_once(sorted.front()));
  if (sorted.front().version == sorted.back().version) return;  // only one is installed
  CHECK(start_once(sorted.back()));
  CHECK_FALSE(start_once(sorted.front()));
}

TEST_CASE("a kept port that somebody else took is replaced, a given one is refused") {
  const TemporaryDirectory one, two;
  const auto server = start_server(servers().front(), one.path());
  fs::copy(one.path() / "credentials.json", two.path() / "credentials.json");
  NatsServerOptions options;
  options.directory = two.path();
  options.port_wait = std::chrono::milliseconds(100);
  const auto other = must(NatsServer::start(options));
  CHECK(other->port() != server->port());
  options.port = server->port();
  const auto refused = NatsServer::start(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
}

TEST_CASE("a server that cannot start says why in one line") {
  const TemporaryDirectory directory;
  NatsServerOptions options;
  options.directory = directory.path();
  options.sync_interval = "never";
  options.binary = servers().back();
  if (must(find_nats_server(options.binary, "")).version < NatsVersion{2, 10, 0}) return;  // it is not told the interval
  const auto refused = NatsServer::start(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("sync_interval") != std::string::npos);
  CHECK(refused.error().message.find('\n') == std::string::npos);
}

TEST_CASE("damaged credentials are refused, never guessed") {
  const TemporaryDirectory directory;
  for (const std::string text : {"", "[]", "{\"server\":1}", "{\"server\":\"short\",\"client\":\"\",\"worker\":\"\",\"port\":1}"}) {
    std::ofstream(directory.path() / "credentials.json") << text;
    NatsServerOptions options;
    options.directory = directory.path();
    CHECK(NatsServer::start(options).error().code == ErrorCode::corrupt);
  }
}

TEST_CASE("a server that dies is started again") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  for (int round = 1; round <= 2; ++round) {
    const auto old = server->pid();
    REQUIRE(kill(old, SIGKILL) == 0);
    REQUIRE(eventually([&] { return server->restarts() == round && server->pid() != 0 && server->pid() != old; }));
  }
  REQUIRE(eventually([&] { return bool(NatsBus::connect(as_client(*server))); }));
}

// The parent of the next test: this program again. It starts a server, says which, and waits to be killed.
TEST_CASE("a parent that waits", "[.]") {
  const fs::path directory = getenv("LUTHIER_TEST_DIRECTORY");
  const auto server = start_server(getenv("LUTHIER_TEST_BINARY"), directory);
  std::ofstream(directory / "pid.new") << server->pid();
  fs::rename(directory / "pid.new", directory / "pid");
  pause();
}

TEST_CASE("the server ends with its parent, even when that is killed, and the next one takes its port") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  setenv("LUTHIER_TEST_DIRECTORY", directory.path().c_str(), 1);
  setenv("LUTHIER_TEST_BINARY", binary.c_str(), 1);
  const pid_t parent = fork();
  if (parent == 0) {
    execl("/proc/self/exe", "bus_test", "a parent that waits", nullptr);
    _exit(1);
  }
  REQUIRE(eventually([&] { return fs::exists(directory.path() / "pid"); }));
  const pid_t child = std::stoi(text_of(directory.path() / "pid"));
  CHECK(is_alive(child));
  const auto url = text_of(directory.path() / "client.url");

  kill(parent, SIGKILL);
  const auto next = start_server(binary, directory.path());
  CHECK(eventually([&] { return !is_alive(child); }, std::chrono::seconds(3)));
  CHECK(text_of(next->client_file()) == url);
  waitpid(parent, nullptr, 0);
}

TEST_CASE("each user may say and hear only its own part") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  const auto control = must(NatsBus::connect(as_server(*server)));
  must(control->event_copy());
  Heard<std::string> reached;
  const auto all = must(control->subscribe("luthier.>", [&](Message m) { reached.add(m.subject); }));
  must(control->flush(std::chrono::seconds(2)));
  const auto client = must(NatsBus::connect(as_client(*server)));
  auto worker_options = as_client(*server);
  worker_options.credentials = server->worker_file();
  const auto worker = must(NatsBus::connect(worker_options));

  client->publish({"luthier.v1.evt.default.model.smol.ModelCreated", "", {}, "forged"});
  client->publish({"luthier.v1.receipt.x", "", {}, "forged"});
  client->publish({"luthier.v1.tlm.default.job.kinds.step", "", {}, "forged"});
  client->publish({"luthier.v1.beat.laptop", "", {}, "forged"});
  client->publish({"luthier.internal.intake", "", {}, "forged"});
  worker->publish({"luthier.v1.evt.default.model.smol.ModelCreated", "", {}, "forged"});
  worker->publish({"luthier.v1.cmd.default.model.CreateModel", "", {}, "forged"});
  worker->publish({"luthier.v1.req.default.model.CreateModel", "", {}, "forged"});
  client->publish({"luthier.v1.req.default.model.CreateModel", "", {}, "mine"});
  worker->publish({"luthier.v1.beat.laptop", "", {}, "mine"});
  worker->publish({"luthier.v1.tlm.default.job.kinds.step", "", {}, "mine"});
  REQUIRE(eventually([&] { return reached.size() >= 3; }));
  must(client->flush(std::chrono::seconds(2)));
  must(worker->flush(std::chrono::seconds(2)));
  auto subjects = reached.all();
  std::sort(subjects.begin(), subjects.end());
  CHECK(subjects == std::vector<std::string>{"luthier.v1.beat.laptop", "luthier.v1.req.default.model.CreateModel",
                                             "luthier.v1.tlm.default.job.kinds.step"});

  const auto short_wait = std::chrono::milliseconds(300);
  for (const auto* user : {client.get(), worker.get()}) {
    auto& bus = const_cast<NatsBus&>(*user);
    CHECK_FALSE(bus.request({"$JS.API.STREAM.DELETE.LUTHIER_EVENTS", "", {}, ""}, short_wait));
    CHECK_FALSE(bus.request({"$JS.API.STREAM.PURGE.LUTHIER_EVENTS", "", {}, ""}, short_wait));
    CHECK_FALSE(bus.request({"$JS.API.INFO", "", {}, ""}, short_wait));
  }
  CHECK(must(control->event_copy()).last_sequence == 0);
  CHECK(must(control->request({"$JS.API.STREAM.INFO.LUTHIER_EVENTS", "", {}, ""}, std::chrono::seconds(2))).payload.find("LUTHIER_EVENTS") !=
        std::string::npos);

  Heard<std::string> overheard;
  std::vector<std::unique_ptr<Subscription>> ears;
  for (const char* subject : {">", "_INBOX_control.>", "luthier.internal.>", "luthier.v1.cmd.>", "luthier.v1.work.>"})
    ears.push_back(must(client->subscribe(subject, [&](Message m) { overheard.add(m.subject); })));
  ears.push_back(must(worker->subscribe("luthier.v1.evt.>", [&](Message m) { overheard.add(m.subject); })));
  (void)client->flush(std::chrono::seconds(2));
  (void)worker->flush(std::chrono::seconds(2));
  must(control->event_copy());
  control->publish({"luthier.v1.work.laptop.lease", "", {}, "secret"});
  control->publish({"luthier.internal.intake", "", {}, "secret"});
  control->publish({"luthier.v1.evt.default.model.smol.ModelCreated", "", {}, "secret"});
  must(control->flush(std::chrono::seconds(2)));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(overheard.all().empty());
}

TEST_CASE("nobody gets in without a password") {
  const auto binary = GENERATE(from_range(servers()));
  const TemporaryDirectory directory;
  const auto server = start_server(binary, directory.path());
  for (const std::string user : {"", "client@", "client:wrong@", "server:@", "sys:sys@"}) {
    natsConnection* connection = nullptr;
    const auto url = "nats://" + user + "127.0.0.1:" + std::to_string(server->port());
    CHECK(natsConnection_ConnectTo(&connection, url.c_str()) == NATS_CONNECTION_AUTH_FAILED);
  }
}
