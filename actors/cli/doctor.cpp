#include <httplib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/bus/nats_binary.hpp"
#include "actors/bus/nats_bus.hpp"
#include "actors/cli/client.hpp"
#include "actors/cli/listing.hpp"
#include "actors/node/data_directory.hpp"
#include "actors/node/world_checker.hpp"
#include "actors/worker/devices.hpp"
#include "events/base/file.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t disk_free_min = std::int64_t{1} << 30;
constexpr std::int64_t memory_min = std::int64_t{2} << 30;

class Report {
 public:
  void good(const std::string& name, const std::string& detail) { add(name, "ok", detail); }
  void note(const std::string& name, const std::string& detail) { add(name, "note", detail); }
  void bad(const std::string& name, const std::string& detail) {
    add(name, "bad", detail);
    ok_ = false;
  }
  bool ok() const { return ok_; }
  const ordered_json& checks() const { return checks_; }
  ordered_json event_stream = nullptr;

 private:
  void add(const std::string& name, const char* status, const std::string& detail) {
    checks_.push_back({{"name", name}, {"status", status}, {"detail", detail}});
  }
  ordered_json checks_ = ordered_json::array();
  bool ok_ = true;
};

void check_machine(Report& report) {
  for (const auto& device : worker::find_devices()) {
    report.good("device " + device.id, device.model + ", " + device.instruction_set + ", " + std::to_string(device.cores) + " cores");
    const auto memory = bytes_text(device.memory_bytes);
    if (device.memory_bytes < memory_min) report.bad("memory", memory + "; at least 2 GiB are needed for a small model");
    else report.good("memory", memory);
  }
  report.note("CUDA", "this build has no CUDA part: everything runs on the CPU");
}

void check_programs(Report& report) {
  const char* path = std::getenv("PATH");
  const auto binary = bus::find_nats_server({}, path ? path : "");
  if (!binary) return report.bad("nats-server", binary.error().message);
  const auto& version = binary->version;
  const auto text = binary->path.string() + ", version " + std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
  if (version < bus::NatsVersion{2, 9, 10}) report.bad("nats-server", text + "; 2.9.10 is the oldest that works");
  else report.good("nats-server", text);
}

void check_private(Report& report, const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  if ((status.st_mode & 077) != 0)
    report.bad("permissions", path.string() + " can be read by others: chmod go-rwx " + path.string());
}

void check_data(Report& report, const node::Layout& layout) {
  std::error_code failure;
  auto existing = layout.root;
  while (!existing.empty() && !std::filesystem::exists(existing, failure) && existing != existing.parent_path()) existing = existing.parent_path();
  if (existing != layout.root) report.note("data directory", layout.root.string() + " is not there yet; \"luthier up\" makes it");
  else if (::access(layout.root.c_str(), R_OK | W_OK | X_OK) != 0) report.bad("data directory", layout.root.string() + " cannot be written by this user");
  else report.good("data directory", layout.root.string());
  struct statvfs disk {};
  if (::statvfs(existing.c_str(), &disk) == 0) {
    const auto free = static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
    if (free < disk_free_min) report.bad("disk", bytes_text(free) + " free; at least 1 GiB is needed");
    else report.good("disk", bytes_text(free) + " free");
  }
  for (const auto& path : {layout.nats(), layout.keys(), layout.client_url()}) check_private(report, path);
}

void check_processes(Report& report, const node::Layout& layout) {
  const auto name = [](int pid) { return pid > 0 ? "process " + std::to_string(pid) : "not running here"; };
  const int server = node::lock_holder(layout.root / "lock"), worker = node::lock_holder(layout.work() / "worker.lock");
  if (server > 0) report.good("control plane", name(server));
  else report.note("control plane", name(server));
  if (worker > 0) report.good("worker", name(worker));
  else report.note("worker", name(worker));
}

void check_http(Report& report, const Context& context) {
  const auto url = context.http();
  if (!url) return report.note("HTTP", "no address is known");
  httplib::Client client(*url);
  client.set_connection_timeout(2);
  client.set_read_timeout(5);
  const auto answer = client.Get("/readyz");
  if (!answer) return report.bad("HTTP", *url + " does not answer");
  if (answer->status != 200) return report.bad("HTTP", *url + " says that it is not ready: " + cut_to(printable(answer->body), 200));
  report.good("HTTP", *url);
}

// How far the copy of the log on NATS is behind: with the control plane's own credentials, which lie on its disk.
void check_stream(Report& report, const node::Layout& layout, std::int64_t log_position) {
  bus::NatsOptions options;
  options.credentials = layout.nats() / "server.url";
  options.name = "luthier doctor";
  options.connect_wait = std::chrono::milliseconds(3000);
  if (::access(options.credentials.c_str(), R_OK) != 0) return report.note("event stream", "only the owner of the server's data directory can look at it");
  const auto bus = bus::NatsBus::connect(options);
  const auto copy = bus ? (*bus)->event_copy() : Result<bus::EventCopy>(bus.error());
  if (!copy) return report.bad("event stream", copy.error().message);
  const auto lag = log_position - copy->last_sequence;
  report.event_stream = {{"log_position", log_position}, {"last_sequence", copy->last_sequence}, {"lag", lag}};
  if (lag == 0) report.good("event stream", "has every event up to position " + std::to_string(log_position));
  else report.note("event stream", std::to_string(lag) + " events are still to be published");
}

void check_server(Report& report, Context& context, const node::Layout& layout) {
  const auto client = context.connect();
  if (!client) return report.bad("NATS", client.error().message);
  const auto status = (*client)->query("system", "server", "status", ordered_json::object());
  if (!status) return report.bad("queries", status.error().message);
  const auto position = number_of(*status, "item.log_position");
  report.good("NATS", "the control plane answers, at position " + std::to_string(position));
  check_http(report, context);
  check_stream(report, layout, position);
}

int doctor(Context& context) {
  Report report;
  const node::Layout layout{std::filesystem::absolute(context.data).lexically_normal()};
  check_machine(report);
  check_programs(report);
  check_data(report, layout);
  check_processes(report, layout);
  const bool expects_server = !context.nats_url.empty() || !context.creds.empty() || node::lock_holder(layout.root / "lock") > 0;
  if (expects_server) check_server(report, context, layout);
  if (context.json) {
    context.print_json({{"ok", report.ok()}, {"version", node::engine_version}, {"checks", report.checks()}, {"event_stream", report.event_stream}});
    return report.ok() ? exit_ok : exit_refused;
  }
  for (const auto& check : report.checks()) {
    const auto status = text_of(check, "status");
    context.print((status == "ok" ? "  ok    " : status == "note" ? "  note  " : "  BAD   ") + text_of(check, "name") + ": " + text_of(check, "detail"));
  }
  context.print(report.ok() ? "all is well" : "something is wrong: see BAD above");
  return report.ok() ? exit_ok : exit_refused;
}

// What there is and what is going on, in a few lines.
int status(Context& context) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  auto answer = (*client)->query("system", "server", "status", ordered_json::object());
  if (!answer) return context.fail(answer.error());
  auto item = std::move((*answer)["item"]);
  for (const std::string entity : {"model", "adapter", "job", "deployment", "worker"}) {
    const auto rows = (*client)->list(entity == "worker" ? "system" : context.workspace, entity);
    if (!rows) return context.fail(rows.error());
    auto& count = item[entity + "s"];
    count = (*rows)["items"].size();
    if (entity == "model" || entity == "adapter") continue;
    std::map<std::string, int> by_status;
    for (const auto& row : (*rows)["items"]) ++by_status[text_of(row, "status")];
    count = by_status;
  }
  if (context.json) context.print_json(item);
  else *context.out << document(item);
  return exit_ok;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto& verb = *app.add_subcommand("status", "The log's position, and how many models, jobs and deployments there are in each state");
  verb.callback([&context] { context.exit_code = status(context); });
  add_examples(verb, {"luthier status", "luthier status --json"});
}

void add_doctor(CLI::App& app, Context& context) {
  auto& verb = *app.add_subcommand("doctor", "Check this machine, the data directory and a running server");
  verb.callback([&context] { context.exit_code = doctor(context); });
  add_examples(verb, {"luthier doctor", "luthier doctor --json"});
}

}  // namespace luthier::cli
