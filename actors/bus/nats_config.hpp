// The configuration of our own nats-server: who may say what.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "actors/bus/nats_binary.hpp"
#include "events/base/result.hpp"

namespace luthier::bus {

// Made once per installation and kept in nats/credentials.json, mode 0600.
struct NatsIdentity {
  std::string server_password, client_password, worker_password;
  int port = 0;  // 0: none chosen yet
};

Result<NatsIdentity> load_identity(const std::filesystem::path& file);  // not_found: there is none
NatsIdentity new_identity();
Result<void> save_identity(const std::filesystem::path& file, const NatsIdentity& identity);

struct NatsConfig {
  std::string server_name, host;
  int port = 0;
  std::filesystem::path store_directory;
  std::int64_t payload_bytes_max = 0;
  std::string sync_interval;  // left out for a server that does not know it
  NatsVersion version;
  NatsIdentity identity;
};
std::string config_text(const NatsConfig& config);

// "nats://client:…@127.0.0.1:4222"
std::string url_for(const std::string& user, const std::string& password, const std::string& host, int port);

}  // namespace luthier::bus
