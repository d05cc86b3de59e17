#include "actors/bus/nats_config.hpp"

#include <nlohmann/json.hpp>
#include <random>

#include "events/base/file.hpp"

namespace luthier::bus {
namespace {

std::string random_password() {
  constexpr char digits[] = "0123456789abcdef";
  std::random_device random("/dev/urandom");
  std::string text;
  for (int i = 0; i < 8; ++i)
    for (unsigned bits = random(), k = 0; k < 8; ++k, bits >>= 4) text += digits[bits & 15];
  return text;
}

std::string quoted(const std::string& text) {
  std::string made = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += c;
  }
  return made + "\"";
}

// Nobody but the control plane may publish to $JS.>: whoever may, administers the streams. The inboxes of the control
// plane (_INBOX_control) and what its intake gets (luthier.internal) are open to nobody else.
constexpr const char* users = R"(
# All users stand inside `accounts`: beside an `authorization` block, old servers let anonymous clients in.
accounts {
  LUTHIER {
    jetstream: enabled
    users: [
      { user: server, password: @SERVER }
      { user: client, password: @CLIENT, permissions: {
          publish: { allow: ["luthier.v1.cmd.>", "luthier.v1.req.>", "luthier.v1.qry.>"] }
          subscribe: { allow: ["luthier.v1.evt.>", "luthier.v1.tlm.>", "luthier.v1.receipt.>", "_INBOX.>"] } } }
      { user: worker, password: @WORKER, permissions: {
          publish: { allow: ["luthier.v1.beat.*", "luthier.v1.tlm.>"] }
          subscribe: { allow: ["luthier.v1.work.>", "_INBOX.>"] } } }
    ]
  }
}
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  return text.replace(at, what.size(), by);
}

}  // namespace

NatsIdentity new_identity() { return {random_password(), random_password(), random_password(), 0}; }

Result<NatsIdentity> load_identity(const std::filesystem::path& file) {
  const auto text = read_text(file, 65536);
  if (!text) return text.error();
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  const auto damaged = Error{ErrorCode::corrupt, file.string() + " is damaged: remove it, and new passwords are made", {}};
  if (!json.is_object()) return damaged;
  NatsIdentity identity;
  const std::pair<const char*, std::string*> passwords[] = {{"server", &identity.server_password},
                                                            {"client", &identity.client_password},
                                                            {"worker", &identity.worker_password}};
  for (const auto& [name, password] : passwords) {
    const auto member = json.find(name);
    if (member == json.end() || !member->is_string()) return damaged;
    *password = member->get<std::string>();
    if (password->size() < 32 || password->find_first_not_of("0123456789abcdef") != std::string::npos) return damaged;
  }
  const auto port = json.find("port");
  if (port == json.end() || !port->is_number_unsigned() || *port > 65535) return damaged;
  identity.port = port->get<int>();
  return identity;
}

Result<void> save_identity(const std::filesystem::path& file, const NatsIdentity& identity) {
  const nlohmann::json json{{"server", identity.server_password},
                            {"client", identity.client_password},
                            {"worker", identity.worker_password},
                            {"port", identity.port}};
  return write_file_durably(file, json.dump(2) + "\n", 0600);
}

std::string config_text(const NatsConfig& config) {
  const bool knows_sync_interval = config.version >= NatsVersion{2, 10, 0};
  std::string text = "# Written by luthier at each start.\n";
  text += "server_name: " + quoted(config.server_name) + "\n";
  text += "host: " + quoted(config.host) + "\n";
  text += "port: " + std::to_string(config.port) + "\n";
  text += "max_payload: " + std::to_string(config.payload_bytes_max) + "\n";
  text += "max_connections: 1024\n";
  text += "max_subscriptions: 4096\n";
  text += "max_pending: 67108864\n";
  text += "write_deadline: \"10s\"\n";
  text += "jetstream {\n  store_dir: " + quoted(config.store_directory.string()) + "\n  max_memory_store: 67108864\n";
  if (knows_sync_interval) text += "  sync_interval: " + quoted(config.sync_interval) + "\n";
  text += "}\n";
  auto access = replaced(users, "@SERVER", quoted(config.identity.server_password));
  access = replaced(access, "@CLIENT", quoted(config.identity.client_password));
  return text + replaced(access, "@WORKER", quoted(config.identity.worker_password));
}

std::string url_for(const std::string& user, const std::string& password, const std::string& host, int port) {
  return "nats://" + user + ":" + password + "@" + host + ":" + std::to_string(port);
}

}  // namespace luthier::bus
