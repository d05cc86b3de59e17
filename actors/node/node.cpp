#include "actors/node/node.hpp"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <condition_variable>
#include <iostream>
#include <mutex>

#include "actors/blobs/blob_store.hpp"
#include "actors/bus/nats_bus.hpp"
#include "actors/bus/nats_server.hpp"
#include "actors/core/control_plane.hpp"
#include "actors/core/fleet.hpp"
#include "actors/core/messages.hpp"
#include "actors/api/api.hpp"
#include "actors/api/event_feed.hpp"
#include "actors/api/provider_discovery.hpp"
#include "actors/gateway/gateway.hpp"
#include "actors/importer/importer.hpp"
#include "actors/node/access.hpp"
#include "actors/node/blob_collector.hpp"
#include "actors/node/data_directory.hpp"
#include "actors/node/fileset_links.hpp"
#include "actors/node/http_platform.hpp"
#include "actors/node/local_worker.hpp"
#include "actors/node/router.hpp"
#include "actors/node/secret_keeper.hpp"
#include "actors/node/telemetry_store.hpp"
#include "actors/node/world_checker.hpp"
#include "actors/worker/spawn_mode.hpp"
#include "events/base/file.hpp"
#include "events/log/rocks_log.hpp"
#include "projections/projections.hpp"

namespace luthier::node {
namespace {

using Log = std::function<void(std::string)>;
using namespace std::chrono_literals;

constexpr std::int64_t gigabyte = 1'000'000'000;

core::Settings settings_of(const config::Config& config) {
  core::Settings settings;
  settings.lease = std::chrono::seconds(config.worker.lease_seconds);
  settings.lease_grace = std::chrono::seconds(config.worker.grace_seconds);
  settings.controllers = config.controllers;
  settings.limits.fileset_bytes_max = config.files.fileset_gb_max * gigabyte;
  settings.limits.workspace_bytes_max = config.files.workspace_gb_max * gigabyte;
  return settings;
}

Result<std::unique_ptr<log::RocksLog>> open_log(const Layout& layout, const Log& log) {
  log::RocksLogOptions options;
  options.directory = layout.log();
  options.anchor_file = layout.anchor();
  options.on_warning = log;
  return log::RocksLog::open(options);
}

api::ApiSettings api_settings_of(const config::Config& config, const Layout& layout) {
  api::ApiSettings settings;
  settings.controllers = config.controllers;
  settings.auth_enabled = config.auth.enabled;
  settings.allows_local_storage = config.files.allow_local_storage;
  settings.external_hosts = config.files.external_hosts;
  settings.contacts_stores = config.files.contact_stores;
  settings.fileset_bytes_max = config.files.fileset_gb_max * gigabyte;
  settings.workspace_bytes_max = config.files.workspace_gb_max * gigabyte;
  settings.filesets_root = layout.root / "filesets";
  settings.log_directory = layout.log();
  const auto environment = [](const char* name) { return std::getenv(name) ? std::string(std::getenv(name)) : std::string(); };
  settings.mock_provider_prefix = environment("NMP_INFERENCE_GATEWAY_MOCK_PROVIDER_PREFIX");
  settings.ngc_api_key = environment("NGC_API_KEY");
  if (const auto mirror = environment("HF_ENDPOINT"); !mirror.empty()) {  // whoever starts the server says by it that it may be asked
    settings.hub_endpoint = mirror;
    settings.external_hosts.push_back(mirror);
  }
  settings.proxies = hub::proxies_from([](const char* name) -> const char* { return std::getenv(name); });
  return settings;
}

constexpr const char* port_file = "http.port";  // a port once chosen is kept

Result<gateway::GatewayOptions> gateway_options(const config::Config& config, const Layout& layout) {
  const auto listen = config::parse_listen(config.listen);
  if (!listen) return listen.error();
  gateway::GatewayOptions options;
  options.host = listen->first;
  options.port = listen->second;
  options.token_file = layout.keys() / "gateway.token";
  options.connections_max = static_cast<std::size_t>(config.http.connections_max);
  options.connections_per_address_max = static_cast<std::size_t>(config.http.connections_per_address_max);
  options.drain = std::chrono::seconds(config.http.drain_seconds);
  options.tls_certificate_file = config.tls.certificate;
  options.tls_key_file = config.tls.key;
  if (options.port == 0)
    if (const auto kept = read_text(layout.root / port_file, 16); kept) options.port = std::atoi(kept->c_str());
  return options;
}

Result<void> write_line(const std::filesystem::path& file, std::string text) {
  text += "\n";
  return write_file_durably(file, text, 0600);
}

Result<std::unique_ptr<bus::NatsServer>> start_nats(const config::Config& config, const Layout& layout) {
  bus::NatsServerOptions options;
  options.directory = layout.nats();
  options.binary = config.nats.server_binary;
  options.port = config.nats.port;
  return bus::NatsServer::start(options);
}

struct ActorConfig : caf::actor_system_config {
  ActorConfig() {
    set("scheduler.max-threads", std::size_t{2});   // what blocks has threads of its own
    set("scheduler.policy", caf::atom("sharing"));  // those that steal work look for it 100 times a second, also when there is none
  }
};

}  // namespace

struct Node::Parts {
  Layout layout;
  std::unique_ptr<DirectoryLock> lock;
  std::unique_ptr<bus::NatsServer> nats_server;  // embedded; null: an existing one is used
  std::unique_ptr<bus::NatsBus> bus;
  std::unique_ptr<log::RocksLog> log;
  std::unique_ptr<projections::Projections> projections;
  std::unique_ptr<blobs::BlobStore> blobs;
  std::unique_ptr<secrets::Keyring> keyring;
  std::unique_ptr<SecretKeeper> secret_keeper;
  std::unique_ptr<WorldChecker> checker;
  SystemClock clock;
  ActorConfig actor_config;
  std::unique_ptr<caf::actor_system> actors;
  std::unique_ptr<core::ControlPlane> plane;
  std::unique_ptr<Access> access;
  std::unique_ptr<HttpPlatform> platform;  // these four serve connections, and end after them
  std::unique_ptr<api::Documents> documents;
  api::ApiSettings api_settings;
  std::unique_ptr<FilesetLinks> links;
  std::unique_ptr<TelemetryStore> telemetry;
  api::EventFeed feed;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<api::ProviderDiscovery> discovery;
  std::unique_ptr<BlobCollector> collector;
  std::unique_ptr<importer::Importer> importer;
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<LocalWorker> worker;
  std::string http_url, nats_url;
  Log write_log;

  mutable std::mutex failure_mutex;
  std::string failure;

  Result<void> open_storage();
  Result<void> connect_bus(const config::Config& config);
  Result<void> start_plane(const config::Config& config);
  Result<void> create_default_workspace();
  Result<void> start_gateway(const config::Config& config);
  void start_worker(const config::Config& config);
  void wait_for_worker(const std::string& name) const;
  void stop_plane();
  bool has_failed() const {
    const std::lock_guard lock(failure_mutex);
    return !failure.empty();
  }
  // RocksDB must not be closed in order after a failed write: closing syncs what has failed, and an assertion in it ends the
  // process. What was acknowledged is on disk; the next start reads that.
  void abandon_storage() {
    (void)log.release();
    (void)projections.release();
  }

  ~Parts() {  // in the order in which nothing loses what it needs
    if (importer) importer->stop();
    if (gateway) gateway->stop();
    discovery.reset();
    collector.reset();
    if (worker) worker->stop();
    if (checker) checker->cancel();
    stop_plane();
    telemetry.reset();
    if (platform) platform->connect({});  // the actor system does not end while a detached actor is still known
    actors.reset();
    bus.reset();
    if (nats_server) nats_server->stop();
    if (has_failed()) abandon_storage();
  }
};

Result<void> Node::Parts::open_storage() {
  auto opened_log = open_log(layout, write_log);
  if (!opened_log) return with_context(opened_log.error(), "opening the log");
  log = std::move(*opened_log);
  auto store = blobs::BlobStore::open(layout.blobs());
  if (!store) return store.error();
  blobs = std::make_unique<blobs::BlobStore>(std::move(*store));
  auto opened_keyring = secrets::Keyring::open(layout.keys());
  if (!opened_keyring) return with_context(opened_keyring.error(), "opening the keys of secrets");
  keyring = std::make_unique<secrets::Keyring>(std::move(*opened_keyring));
  checker = std::make_unique<WorldChecker>(*blobs, layout.work() / "checks", *keyring);
  auto opened = projections::Projections::open({layout.projections()});
  if (!opened) return with_context(opened.error(), "opening the projections");
  projections = std::move(*opened);
  if (auto done = projections->catch_up(*log); !done) return with_context(done.error(), "folding the log");
  return {};
}

Result<void> Node::Parts::connect_bus(const config::Config& config) {
  bus::NatsOptions options;
  options.name = "luthier control plane";
  if (config.nats.url.empty()) {
    auto server = start_nats(config, layout);
    if (!server) return with_context(server.error(), "starting nats-server");
    nats_server = std::move(*server);
    options.credentials = nats_server->server_file();
    options.inbox_prefix = "_SERVER";
    nats_url = nats_server->url();
  } else {
    options.url = config.nats.url;
    options.credentials = config.nats.credentials;
    nats_url = config.nats.url;
  }
  auto connected = bus::NatsBus::connect(options);
  if (!connected) return connected.error();
  bus = std::move(*connected);
  return {};
}

Result<void> Node::Parts::start_plane(const config::Config& config) {
  actors = std::make_unique<caf::actor_system>(actor_config);
  platform = std::make_unique<HttpPlatform>(*projections, clock);
  documents = std::make_unique<api::Documents>(*projections);
  links = std::make_unique<FilesetLinks>(*blobs, *projections, layout.filesets(), write_log);
  api_settings = api_settings_of(config, layout);
  api_settings.discovery = [this] { return access->discovery(); };
  secret_keeper = std::make_unique<SecretKeeper>(*keyring, *projections, api_settings.ngc_api_key, write_log);
  auto opened_telemetry = TelemetryStore::start(*bus, *projections, clock, {.directory = layout.root / "telemetry", .work = layout.work(), .warn = write_log});
  if (!opened_telemetry) return with_context(opened_telemetry.error(), "opening the telemetry of jobs");
  telemetry = std::move(*opened_telemetry);
  feed.moved(log->head().position);
  const api::Services services{*platform, *documents, api_settings, blobs.get(), secret_keeper.get(), telemetry.get(), log.get(), &feed};
  api = std::make_unique<api::Api>(services, [this](const auth::HeaderLookup& headers) { return access->authenticate(headers); });
  if (config.controllers)
    importer = std::make_unique<importer::Importer>(services, importer::ImporterOptions{.directory = layout.work() / "imports", .warn = write_log});
  const core::Signals signals{write_log,
                              [this](const std::string& text) {
                                std::lock_guard lock(failure_mutex);
                                failure = text;
                              },
                              [this](const core::Commit& commit) {
                                documents->changed(commit.facts);
                                links->changed(commit.facts);
                                secret_keeper->changed(commit.facts);
                                telemetry->changed(commit.facts);
                                platform->projected();
                                if (importer) importer->changed(commit.facts);
                                if (!commit.records.empty()) feed.moved(commit.records.back().position);
                              }};
  auto started = core::ControlPlane::start(*actors, {log.get(), projections.get(), bus.get(), &clock, checker.get(), checker.get()}, signals,
                                           settings_of(config), SpawnMode::production);
  if (!started) return started.error();
  plane = std::move(*started);
  platform->connect(plane->entity());
  if (config.controllers) discovery = std::make_unique<api::ProviderDiscovery>(services);
  if (importer) importer->start();
  links->start();
  collector = std::make_unique<BlobCollector>(*blobs, *projections, *log, write_log);
  return create_default_workspace();
}

// Once in the life of a log: a repetition gives the same receipt.
Result<void> Node::Parts::create_default_workspace() {
  auto request = core::own_request("system", "workspace", "default", "first-start", events::CreateWorkspace{"General-purpose workspace (all users have write access)"});
  caf::scoped_actor self(*actors);
  std::optional<Error> failed;
  self->request(plane->entity(), 30s, core::Submit{std::make_shared<const events::Request>(std::move(request))})
      .receive([&](const core::Outcome& outcome) { failed = outcome.error; },
               [&](const caf::error&) { failed = Error{ErrorCode::internal, "the first command was not answered", ""}; });
  // An older server said it in other words: it is there, and that is what counts.
  if (failed && failed->code != ErrorCode::conflict) return *failed;
  return {};
}

Result<void> Node::Parts::start_gateway(const config::Config& config) {
  auto options = gateway_options(config, layout);
  if (!options) return options.error();
  gateway::GatewayDoors doors;
  doors.route = [this](const std::string& model) { return route(*projections, model); };
  doors.list_models = [this] { return list_models(*projections); };
  doors.health = [this]() -> Result<void> {
    if (!bus->connected()) return Error{ErrorCode::unavailable, "NATS cannot be reached", ""};
    return {};
  };
  doors.blobs = blobs.get();
  if (access->enabled())
    doors.refuse_inference = [this](const gateway::Exchange& exchange, const std::string& workspace) {
      return api->refuse_inference(exchange, workspace);
    };
  doors.others = [this](gateway::Exchange& exchange) { return api->handle(exchange); };
  auto started = gateway::Gateway::start(*options, doors);
  const bool was_kept = options->port != 0 && config.listen.ends_with(":0");
  if (!started && was_kept) {  // somebody else has it by now
    options->port = 0;
    started = gateway::Gateway::start(*options, doors);
  }
  if (!started) return with_context(started.error(), "listening on " + config.listen);
  gateway = std::move(*started);
  http_url = gateway->url();
  if (auto kept = write_line(layout.root / port_file, std::to_string(gateway->port())); !kept) return kept;
  return write_line(layout.http_url(), http_url);
}

void Node::Parts::start_worker(const config::Config& config) {
  LocalWorkerOptions options;
  const auto credentials = nats_server ? nats_server->worker_file() : config.nats.credentials;
  options.command = {std::filesystem::read_symlink("/proc/self/exe").string(), "worker", "--data", layout.root.string(),
                     "--name", config.worker.name, "--creds", credentials.string(),
                     "--checkpoint-every", std::to_string(config.worker.checkpoint_every_steps)};
  if (!config.nats.url.empty()) options.command.insert(options.command.end(), {"--nats", config.nats.url});
  options.lock_file = layout.work() / "worker.lock";
  options.output_file = layout.work() / "worker.log";
  options.warn = write_log;
  worker = std::make_unique<LocalWorker>(std::move(options));
}

void Node::Parts::wait_for_worker(const std::string& name) const {
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < until) {
    const auto row = projections->get("worker", "system", name);
    if (row && *row) return;
    std::this_thread::sleep_for(20ms);
  }
  write_log("the worker " + name + " has not registered within 10 s; see work/worker.log in the data directory");
}

void Node::Parts::stop_plane() {
  if (!plane) return;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_stopped = false;
  plane->stop([&] {
    std::lock_guard lock(mutex);
    is_stopped = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait_for(lock, 5s, [&] { return is_stopped; });
  plane.reset();
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() = default;
const std::string& Node::http_url() const { return parts_->http_url; }
const std::string& Node::nats_url() const { return parts_->nats_url; }

std::string Node::failure() const {
  std::lock_guard lock(parts_->failure_mutex);
  return parts_->failure;
}

Result<std::unique_ptr<Node>> Node::start(const config::Config& config, Log log) {
  auto parts = std::make_unique<Parts>();
  parts->write_log = std::move(log);
  if (const auto listen = config::parse_listen(config.listen); !listen) return listen.error();
  auto layout = make_directories(config.data);
  if (!layout) return layout.error();
  parts->layout = *layout;
  auto lock = DirectoryLock::take(layout->root / "lock");
  if (!lock) return lock.error();
  parts->lock = std::move(*lock);
  auto access = Access::open(config, *layout, parts->clock);
  if (!access) return access.error();
  parts->access = std::move(*access);
  if (auto done = parts->open_storage(); !done) return done.error();
  if (auto done = parts->connect_bus(config); !done) return done.error();
  if (auto done = parts->start_plane(config); !done) return done.error();
  if (auto done = parts->start_gateway(config); !done) return done.error();
  if (config.worker.enabled) {
    parts->start_worker(config);
    if (config.controllers) parts->wait_for_worker(config.worker.name);
  }
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

int run_node(const config::Config& config, std::ostream& out, std::ostream& errors) {
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);  // before any thread starts, so that this one gets them
  ::signal(SIGPIPE, SIG_IGN);

  auto node = Node::start(config, [](const std::string& line) { spdlog::warn("{}", line); });
  if (!node) {
    errors << "luthier: " << node.error().message << std::endl;
    return 1;
  }
  out << "ready " << (*node)->http_url() << " " << (*node)->nats_url() << std::endl;
  for (;;) {
    const timespec look{0, 200'000'000};
    if (sigtimedwait(&stop_signals, nullptr, &look) > 0) return 0;
    if (const auto failure = (*node)->failure(); !failure.empty()) {
      errors << "luthier: " << failure << "; start again once the cause is gone" << std::endl;
      return 1;
    }
  }
}

}  // namespace luthier::node
