#include "actors/bus/nats_server.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <fstream>
#include <random>
#include <thread>

#include "actors/bus/child_process.hpp"
#include "actors/bus/loopback_port.hpp"
#include "actors/bus/nats_config.hpp"
#include "events/base/file.hpp"

namespace luthier::bus {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct NatsServer::Parts {
  NatsServerOptions options;
  NatsBinary binary;
  NatsIdentity identity;
  std::string server_name;
  std::unique_ptr<ChildProcess> child;
};

namespace {

constexpr std::uintmax_t log_bytes_max = 4 << 20;
constexpr const char* log_name = "server.log";

Result<void> make_private_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error || chmod(directory.c_str(), 0700) != 0) return file_error(directory, error ? error.value() : errno);
  return {};
}

// A name that no server before has had, so that what answers on the port is known to be our child.
std::string new_server_name() {
  std::random_device random;
  char text[32];
  std::snprintf(text, sizeof text, "luthier-%08x%08x", random(), random());
  return text;
}

bool wait_until_free(const std::string& host, int port, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (!is_port_free(host, port)) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Result<int> choose_port(const NatsServerOptions& options, int kept) {
  const int wanted = options.port > 0 ? options.port : kept;
  if (wanted > 0 && wait_until_free(options.host, wanted, options.port_wait)) return wanted;
  if (options.port > 0)
    return Error{ErrorCode::conflict, "port " + std::to_string(options.port) + " is taken: give another one, or 0 for any", "port"};
  if (wanted > 0) spdlog::warn("nats: port {} of the last start is taken; a new one is chosen", wanted);
  const auto chosen = free_port(options.host);
  if (!chosen) return invalid(options.host + " is not an IPv4 address of this machine", "host");
  return *chosen;
}

std::string text_of(const NatsVersion& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

// An older server misreads what a newer one has stored: sequences jump, and deliveries stop without an error. Everything there is
// a copy of the log, and commands on their way, whose senders repeat what gets no receipt: so it is put aside.
Result<void> put_aside_newer_streams(const fs::path& directory, const NatsVersion& version) {
  const auto file = directory / "version";
  const auto kept = read_text(file, 64);
  const auto last = kept ? parse_nats_version("v" + *kept) : Result<NatsVersion>(version);
  if (last && version < *last) {
    const auto aside = directory / ("jetstream-" + text_of(*last));
    spdlog::warn("nats: the streams were written by nats-server {}, and {} cannot read them: they are made anew from the log; the old ones are in {}",
                 text_of(*last), text_of(version), aside.filename().string());
    std::error_code error;
    fs::remove_all(aside, error);
    if (!error) fs::rename(directory / "jetstream", aside, error);
    if (error) return file_error(aside, error.value());
    if (auto made = make_private_directory(directory / "jetstream"); !made) return made;
  }
  return write_file_durably(file, text_of(version) + "\n", 0600);
}

std::string last_line(const fs::path& log) {
  std::ifstream in(log, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(in.tellg());
  in.seekg(std::max<std::streamoff>(0, size - 4096));
  std::string line, last;
  while (std::getline(in, line))
    if (!line.empty()) last = line;
  return last;
}

void bound_log(const fs::path& log) {
  std::error_code error;
  if (fs::file_size(log, error) > log_bytes_max && !error) fs::rename(log, log.string() + ".1", error);
}

}  // namespace

NatsServer::NatsServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
NatsServer::~NatsServer() { stop(); }
void NatsServer::stop() { parts_->child->stop(); }

std::string NatsServer::url() const { return "nats://" + parts_->options.host + ":" + std::to_string(port()); }
int NatsServer::port() const { return parts_->identity.port; }
const NatsBinary& NatsServer::binary() const { return parts_->binary; }
fs::path NatsServer::server_file() const { return parts_->options.directory / "server.url"; }
fs::path NatsServer::client_file() const { return parts_->options.directory / "client.url"; }
fs::path NatsServer::worker_file() const { return parts_->options.directory / "worker.url"; }
pid_t NatsServer::pid() const { return parts_->child->pid(); }
int NatsServer::restarts() const { return parts_->child->restarts(); }

Result<void> NatsServer::write_files(const Parts& parts) {
  const auto& directory = parts.options.directory;
  const auto& who = parts.identity;
  const auto& host = parts.options.host;
  NatsConfig config;
  config.server_name = parts.server_name;
  config.host = host;
  config.port = who.port;
  config.store_directory = directory / "jetstream";
  config.payload_bytes_max = parts.options.payload_bytes_max;
  config.sync_interval = parts.options.sync_interval;
  config.version = parts.binary.version;
  config.identity = who;
  if (auto saved = save_identity(directory / "credentials.json", who); !saved) return saved;
  const std::pair<const char*, std::string> files[] = {
      {"server.conf", config_text(config)},
      {"server.url", url_for("server", who.server_password, host, who.port) + "\n"},
      {"client.url", url_for("client", who.client_password, host, who.port) + "\n"},
      {"worker.url", url_for("worker", who.worker_password, host, who.port) + "\n"}};
  for (const auto& [name, text] : files)
    if (auto written = write_file_durably(directory / name, text, 0600); !written) return written;
  return {};
}

Result<void> NatsServer::wait_until_it_answers(const Parts& parts) {
  const auto own_name = "\"server_name\":\"" + parts.server_name + "\"";
  const auto log = parts.options.directory / log_name;
  const auto deadline = Clock::now() + parts.options.start_wait;
  while (greeting_of(parts.options.host, parts.identity.port, std::chrono::milliseconds(500)).find(own_name) == std::string::npos) {
    if (parts.child->ended())
      return Error{ErrorCode::unavailable, "nats-server did not start: " + last_line(log), {}};
    if (Clock::now() >= deadline)
      return Error{ErrorCode::unavailable, "nats-server did not answer in time: see " + log.string(), {}};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

std::unique_ptr<ChildProcess> NatsServer::start_child(const Parts& parts) {
  const auto log = parts.options.directory / log_name;
  bound_log(log);
  ChildProcess::Options child;
  child.command = {parts.binary.path.string(), "-c", (parts.options.directory / "server.conf").string()};
  child.output = log;
  child.on_restart = [log](const std::string& why) {
    spdlog::warn("nats: the server {}; it is started again", why);
    bound_log(log);
  };
  return std::make_unique<ChildProcess>(std::move(child));
}

Result<std::unique_ptr<NatsServer>> NatsServer::start(const NatsServerOptions& options) {
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  std::error_code error;
  const auto directory = parts->options.directory = fs::absolute(options.directory, error);
  for (const auto& made : {directory, directory / "jetstream"})
    if (auto result = make_private_directory(made); !result) return result.error();

  auto binary = find_nats_server(options.binary, options.search_path);
  if (!binary) return binary.error();
  parts->binary = std::move(*binary);
  if (auto done = put_aside_newer_streams(directory, parts->binary.version); !done) return done.error();
  auto identity = load_identity(directory / "credentials.json");
  if (!identity && identity.error().code != ErrorCode::not_found) return identity.error();
  parts->identity = identity ? *identity : new_identity();
  const auto port = choose_port(options, parts->identity.port);
  if (!port) return port.error();
  parts->identity.port = *port;
  parts->server_name = new_server_name();

  if (auto written = write_files(*parts); !written) return written.error();
  parts->child = start_child(*parts);
  if (auto answers = wait_until_it_answers(*parts); !answers) return answers.error();
  parts->child->confirm();
  return std::unique_ptr<NatsServer>(new NatsServer(std::move(parts)));
}

}  // namespace luthier::bus
