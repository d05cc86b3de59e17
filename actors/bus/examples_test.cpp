// The programs under docs/examples against a control plane that does what the contract says, so that an example which no
// longer speaks the contract is found here.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "actors/bus/nats_fixture_test.hpp"
#include "actors/bus/subjects.hpp"

using namespace luthier;
using namespace luthier::bus;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct Finished {
  int code = -1;
  std::string output;
};

Finished run(const std::vector<std::string>& command, const fs::path& output) {
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (!freopen(output.c_str(), "w", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  Finished finished;
  int status = 0;
  if (eventually([&] { return waitpid(child, &status, WNOHANG) == child; }, std::chrono::seconds(60)))
    finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  else
    kill(child, SIGKILL);
  std::ifstream in(output);
  finished.output.assign(std::istreambuf_iterator<char>(in), {});
  return finished;
}

// Accepts every command, and tells the story of the job that it is asked for.
class SmallControlPlane {
 public:
  SmallControlPlane(const NatsServer& server, std::string last_event, bool refuse_job)
      : bus_(must(NatsBus::connect(as_server(server)))), last_event_(std::move(last_event)), refuse_job_(refuse_job) {
    must(bus_->event_copy());
    intake_ = must(bus_->consume_commands(8, [this](Delivery delivery) { take(delivery); }));
  }
  std::vector<json> commands() const { return commands_.all(); }

 private:
  void take(const Delivery& delivery) {
    auto command = json::parse(delivery.message.payload);
    command["subject"] = delivery.message.subject;
    commands_.add(command);
    const auto id = command["id"].get<std::string>();
    const bool refused = command["type"] == "StartJob" ? refuse_job_ : true;  // the model is there already
    const json receipt = refused ? json{{"id", id}, {"status", "refused"}, {"error", {{"code", "conflict"}, {"field", "name"}, {"message", "exists already"}}}}
                                 : json{{"id", id}, {"status", "accepted"}, {"position", 1}, {"version", 1}, {"events", {"JobQueued"}}, {"hash", "9f"}};
    bus_->publish({receipt_subject(id), "", {}, receipt.dump()});
    bus_->acknowledge(delivery.token);
    if (refused) return;
    for (const std::string& type : {std::string("JobQueued"), std::string("JobStarted"), last_event_}) {
      const auto name = command["name"].get<std::string>();
      const json event{{"specversion", "1.0"}, {"id", std::to_string(++position_)}, {"type", "luthier." + type + ".v1"},
                       {"time", "2026-11-23T20:15:04.123456Z"}, {"position", position_}, {"version", position_}, {"data", json::object()}};
      bus_->publish_events(position_, {{event_subject("default", "job", name, type), "", {}, event.dump()}}, [](Result<void>) {});
    }
  }

  std::unique_ptr<NatsBus> bus_;
  std::string last_event_;
  bool refuse_job_;
  std::int64_t position_ = 0;
  Heard<json> commands_;
  std::unique_ptr<Subscription> intake_;
};

void speaks_the_contract(std::vector<std::string> program) {
  struct Ending {
    std::string last_event;
    bool refuse_job;
    int code;
  };
  for (const auto& ending : {Ending{"JobCompleted", false, 0}, Ending{"JobFailed", false, 1}, Ending{"", true, 2}}) {
    const TemporaryDirectory directory;
    const auto server = start_server(servers().back(), directory.path());
    const SmallControlPlane control(*server, ending.last_event, ending.refuse_job);
    auto command = program;
    for (const std::string& argument : {server->client_file().string(), std::string("default"), std::string("smol"),
                                       std::string("smol"), std::string("kinds"), std::string("kinds.of things"), std::string("7")})
      command.push_back(argument);
    const auto finished = run(command, directory.path() / "output");
    INFO(finished.output);
    CHECK(finished.code == ending.code);
    const auto commands = control.commands();
    REQUIRE(commands.size() == 2);
    CHECK(commands[0]["subject"] == "luthier.v1.cmd.default.model.CreateModel");
    CHECK(commands[0]["type"] == "CreateModel");
    CHECK(commands[0]["data"]["fileset"] == "smol");
    CHECK(commands[1]["subject"] == "luthier.v1.cmd.default.job.StartJob");
    CHECK(commands[1]["type"] == "StartJob");
    CHECK(commands[1]["name"] == "kinds.of things");
    CHECK(commands[1]["data"]["config"]["max_steps"] == 7);
    if (!ending.refuse_job) CHECK(finished.output.find("luthier.v1.evt.default.job.kinds%2Eof%20things." + ending.last_event) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("the example in C++ publishes, waits for its receipts and follows its job") {
  const auto program = fs::read_symlink("/proc/self/exe").parent_path() / "publish_and_subscribe";
  REQUIRE(fs::exists(program));
  speaks_the_contract({program.string()});
}

TEST_CASE("the example in Python publishes, waits for its receipts and follows its job") {
  if (!fs::exists(".venv/bin/python")) {
    WARN("there is no .venv with nats-py (./check --judges makes it): the example in Python is not covered");
    return;
  }
  speaks_the_contract({".venv/bin/python", "docs/examples/publish_and_subscribe.py"});
}
