#include "actors/worker/commands.hpp"

#include <signal.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <cstdlib>
#include <ostream>
#include <random>

#include "actors/bus/nats_bus.hpp"
#include "actors/worker/devices.hpp"
#include "actors/worker/file_lock.hpp"
#include "actors/worker/host_actor.hpp"
#include "actors/worker/messages.hpp"
#include "actors/worker/process_task_runner.hpp"
#include "actors/worker/remote_blobs.hpp"
#include "actors/worker/spawn_mode.hpp"
#include "actors/worker/work_directory.hpp"
#include "events/base/file.hpp"

namespace luthier::worker {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds leave_wait{7'000};  // tasks have 5 s of it (grace_of), and the goodbye the rest

int refuse(std::ostream& errors, const Error& error) {
  errors << "luthier worker: " << error.message << std::endl;
  return error.code == ErrorCode::unavailable ? 3 : 1;
}

std::string new_incarnation() {
  std::random_device random;
  constexpr std::string_view digits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string incarnation;
  while (incarnation.size() < 26) incarnation += digits[random() % digits.size()];
  return incarnation;
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

// Blocked in every thread and waited for in one; children get them back.
class StopSignals {
 public:
  StopSignals() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGTERM);
    ::sigaddset(&signals_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~StopSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  bool wait(milliseconds time) const {
    const timespec limit{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    return ::sigtimedwait(&signals_, nullptr, &limit) > 0;
  }

 private:
  sigset_t signals_, before_;
};

// The lock file holds the process's id, for whoever wants to find it; the incarnation lies beside it, for the one that comes
// after this one and may say that it replaces it.
struct Claim {
  FileLock lock;
  std::string replaces;
};

std::string first_line(const std::filesystem::path& file) {
  const auto text = read_text(file, 4096);
  return text ? text->substr(0, text->find('\n')) : "";
}

Result<Claim> claim(const std::filesystem::path& work, const std::string& incarnation) {
  const auto file = work / "worker.lock";
  auto lock = FileLock::take(file);
  if (!lock) return lock.error();
  if (!*lock)
    return Error{ErrorCode::conflict, "process " + first_line(file) + " is a worker on " + work.parent_path().string() +
                                          " already; stop it, or choose another --data", "data"};
  if (auto ok = (*lock)->write(std::to_string(::getpid()) + "\n"); !ok) return ok.error();
  const auto beside = work / "worker.incarnation";
  auto replaces = first_line(beside);
  if (auto ok = write_file_durably(beside, incarnation + "\n", 0600); !ok) return ok.error();
  return Claim{std::move(**lock), std::move(replaces)};
}

Result<std::unique_ptr<BlobDoor>> open_blobs(const WorkerOptions& options) {
  auto store = blobs::BlobStore::open(options.data / "blobs");
  if (!store) return store.error();
  if (options.blobs_url.empty()) return std::unique_ptr<BlobDoor>(std::make_unique<LocalBlobs>(std::move(*store)));
  blobs::BlobClientOptions client;
  client.endpoint = options.blobs_url;
  if (!options.blobs_token.empty()) {
    const auto token = read_text(options.blobs_token, 4096);
    if (!token) return token.error();
    client.token = token->substr(0, token->find('\n'));
  }
  return std::unique_ptr<BlobDoor>(std::make_unique<RemoteBlobs>(blobs::BlobClient(client), std::move(*store)));
}

// Returns why the worker must end by itself; empty: it was asked to.
std::string wait_for_the_end(const StopSignals& signals, const bus::NatsBus& bus, caf::scoped_actor& self, const caf::actor& host) {
  std::string why;
  self->monitor(host);
  while (!signals.wait(milliseconds(200))) {
    self->receive([&](const caf::down_msg& down) { why = "it has ended: " + caf::to_string(down.reason); },
                  caf::after(milliseconds(0)) >> [] {});
    if (bus.closed()) why = "NATS refuses the credentials";
    if (!why.empty()) return why;
  }
  return why;
}

bool leave(caf::scoped_actor& self, const caf::actor& host) {
  bool has_left = false;
  self->monitor(host);
  caf::anon_send(host, Leave{});
  self->receive([&](const caf::down_msg&) { has_left = true; }, caf::after(leave_wait) >> [] {});
  return has_left;
}

int run(const WorkerOptions& options, const StopSignals& signals, std::ostream& out, std::ostream& errors) {
  const auto work = options.data / "work";
  if (auto ok = make_directory(work); !ok) return refuse(errors, ok.error());
  const auto incarnation = new_incarnation();
  auto claimed = claim(work, incarnation);
  if (!claimed) return refuse(errors, claimed.error());
  auto blobs = open_blobs(options);
  if (!blobs) return refuse(errors, blobs.error());
  bus::NatsOptions nats;
  nats.url = options.nats_url;
  nats.credentials = options.credentials;
  nats.name = "luthier worker " + options.name;
  auto bus = bus::NatsBus::connect(nats);
  if (!bus) return refuse(errors, bus.error());

  WorkerConfig config;
  config.name = options.name;
  config.incarnation = incarnation;
  config.replaces = claimed->replaces;
  config.host = host_name();
  config.engine_version = options.engine_version;
  config.devices = find_devices();
  ProcessConfig processes;
  processes.work = work;
  processes.program = options.program;
  processes.checkpoint_every = options.checkpoint_every;
  processes.serve_host = options.serve_host;

  ProcessTaskRunner runner(processes, **blobs);
  caf::actor_system_config system_config;
  system_config.set("scheduler.max-threads", 2u);
  system_config.set("scheduler.policy", caf::atom("sharing"));  // threads that steal work look for it 100 times a second, also when there is none
  caf::actor_system system(system_config);
  std::string why;
  {
    caf::scoped_actor self(system);
    const auto host = spawn_worker_host(system, config, {bus->get(), &runner}, SpawnMode::production);
    out << "worker " << options.name << " " << incarnation << std::endl;
    why = wait_for_the_end(signals, **bus, self, host);
    if (!leave(self, host)) {
      errors << "luthier worker: a task did not end in time" << std::endl;
      std::_Exit(1);  // the kernel ends our children with us
    }
  }
  (void)(*bus)->flush(milliseconds(500));
  if (why.empty()) return 0;
  return refuse(errors, {ErrorCode::internal, why, ""});
}

}  // namespace

int run_worker(const WorkerOptions& options, std::ostream& out, std::ostream& errors) {
  const StopSignals signals;
  auto absolute = options;
  std::error_code failure;
  absolute.data = std::filesystem::absolute(options.data, failure).lexically_normal();
  if (failure) return refuse(errors, {ErrorCode::io, options.data.string() + ": " + failure.message(), "data"});
  return run(absolute, signals, out, errors);
}

}  // namespace luthier::worker
