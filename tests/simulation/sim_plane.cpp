#include "tests/simulation/sim_plane.hpp"

#include <caf/all.hpp>
#include <rocksdb/env.h>

#include "actors/worker/spawn_mode.hpp"

namespace luthier::simulation {
namespace {

const Error gone{ErrorCode::unavailable, "this process has ended", ""};

// A process's own connection to the bus: it ends with the process.
class Connection final : public bus::Bus {
 public:
  explicit Connection(SimBus& bus) : bus_(bus) {}
  void publish(bus::Message message) override {
    if (is_alive) bus_.publish(std::move(message));
  }
  Result<std::unique_ptr<bus::Subscription>> subscribe(const std::string& subject, Handler handler) override {
    if (!is_alive) return gone;
    return bus_.subscribe(subject, std::move(handler));
  }
  Result<std::unique_ptr<bus::Subscription>> consume_commands(std::size_t credit,
                                                             std::function<void(bus::Delivery)> handler) override {
    if (!is_alive) return gone;
    return bus_.consume_commands(credit, std::move(handler));
  }
  void acknowledge(std::uint64_t token) override {
    if (is_alive) bus_.acknowledge(token);
  }
  Result<bus::EventCopy> event_copy() override {
    if (!is_alive) return gone;
    return bus_.event_copy();
  }
  void publish_events(std::int64_t first, std::vector<bus::Message> messages, std::function<void(Result<void>)> done) override {
    if (is_alive) bus_.publish_events(first, std::move(messages), std::move(done));
  }
  bool connected() const override { return is_alive && bus_.connected(); }

  bool is_alive = true;

 private:
  SimBus& bus_;
};

// A process's own handle of the log: after its end nothing can be written any more.
class LogHandle final : public log::EventLog {
 public:
  LogHandle(log::EventLog& log, bool find_duplicates) : log_(log), find_duplicates_(find_duplicates) {}
  Result<log::Written> append(std::span<const log::Append> appends, Timestamp now) override {
    if (!is_alive) return gone;
    return log_.append(appends, now);
  }
  Result<std::optional<log::Receipt>> find_receipt(const CommandKey& command) const override {
    if (!is_alive) return gone;
    if (!find_duplicates_) return std::optional<log::Receipt>();
    return log_.find_receipt(command);
  }
  log::Head head() const override { return log_.head(); }
  Result<std::vector<log::Record>> read(Position from, std::size_t count_max) const override { return log_.read(from, count_max); }
  Result<std::vector<log::Record>> read_stream(const StreamKey& stream, Version from, std::size_t count_max) const override {
    return log_.read_stream(stream, from, count_max);
  }
  Result<std::vector<StreamKey>> streams_of(const std::string& entity, const std::string& workspace,
                                            const std::string& name) const override {
    return log_.streams_of(entity, workspace, name);
  }
  Result<Position> position_at(Timestamp time) const override { return log_.position_at(time); }

  bool is_alive = true;

 private:
  log::EventLog& log_;
  bool find_duplicates_;
};

}  // namespace

struct SimPlane::Running {
  std::unique_ptr<log::RocksLog> log;
  std::unique_ptr<projections::Projections> projections;
  std::unique_ptr<LogHandle> log_handle;
  std::unique_ptr<Connection> connection;
  std::unique_ptr<core::ControlPlane> plane;
};

SimPlane::SimPlane(caf::actor_system& system, Agenda& agenda, SimBus& bus, const Options& options)
    : system_(system), agenda_(agenda), bus_(bus), options_(options), clock_(agenda),
      anchor_(std::make_shared<log::MemoryAnchor>()) {}

SimPlane::~SimPlane() = default;

std::string SimPlane::start() {
  auto running = std::make_unique<Running>();
  log::RocksLogOptions log_options;
  log_options.directory = "/data/log";
  log_options.anchor = anchor_;
  log_options.env = env_.env();
  log_options.log_id = "simulated";
  log_options.write_buffer_bytes = 1 << 20;
  log_options.background_work = false;
  log_options.sync = options_.sync;
  log_options.find_duplicates = options_.find_duplicates;
  auto log = log::RocksLog::open(log_options);
  if (!log) return "the log does not open: " + log.error().message;
  auto projections = projections::Projections::open({"/data/projections", env_.env()});
  if (!projections) return "the projections do not open: " + projections.error().message;
  running->log = std::move(*log);
  running->projections = std::move(*projections);
  running->log_handle = std::make_unique<LogHandle>(*running->log, options_.find_duplicates);
  running->connection = std::make_unique<Connection>(bus_);
  const core::Doors doors{running->log_handle.get(), running->projections.get(), running->connection.get(), &clock_, &checker_};
  const core::Signals signals{[this](const std::string& text) {
                                if (options_.trace) std::printf("%10.3f  warning: %s\n", agenda_.now().count() / 1e6, text.c_str());
                              },
                              [this](const std::string& text) { fatal_ = text; }};
  auto plane = core::ControlPlane::start(system_, doors, signals, {}, SpawnMode::simulation);
  if (!plane) return "the control plane does not start: " + plane.error().message;
  running->plane = std::move(*plane);
  running_ = std::move(running);
  return "";
}

void SimPlane::crash(bool power_cut, const std::function<void()>& run) {
  if (power_cut) env_.disk().cut_power();
  running_->log_handle->is_alive = false;
  running_->connection->is_alive = false;
  bool is_stopped = false;
  running_->plane->stop([&] { is_stopped = true; });
  for (int i = 0; i < 1000 && !is_stopped; ++i) run();
  running_.reset();
  if (power_cut) {
    env_.disk().restore_power({faults::Remains::some, agenda_.random()});
    anchor_->cut_power();
  }
  fatal_.clear();
}

log::EventLog& SimPlane::log() { return *running_->log; }
projections::Projections& SimPlane::projections() { return *running_->projections; }

Result<events::Command> SimChecker::check(const events::Request& request, const core::CheckContext& context) {
  auto command = request.command;
  if (auto* create = std::get_if<events::CreateAdapter>(&command)) create->lora = events::LoraShape{8, 16};
  if (auto* update = std::get_if<events::UpdateAdapter>(&command)) update->lora = events::LoraShape{8, 16};
  if (auto* start = std::get_if<events::StartJob>(&command)) {
    if (context.files.empty()) return invalid("the dataset is empty", "data.dataset");
    events::JobInputs inputs;
    inputs.model_id = context.model_id;
    inputs.model_fileset_id = context.model_fileset_id;
    inputs.dataset_fileset_id = context.fileset_id;
    inputs.model_files = context.model_files;
    inputs.dataset = context.files.front();
    inputs.rows = 8;
    inputs.steps = 20;
    inputs.engine_version = "simulated";
    start->inputs = inputs;
  }
  return command;
}

Result<std::string> SimChecker::describe_model(const std::vector<events::File>&) { return std::string(R"({"family":"llama"})"); }

}  // namespace luthier::simulation
