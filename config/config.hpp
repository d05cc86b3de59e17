// The configuration of a node: one struct, parsed once from a file and the command line. Every option is here with its
// default; config/luthier.toml is the commented sample.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::config {

struct Config {
  std::filesystem::path data = "luthier-data";
  std::string listen = "127.0.0.1:8080";  // HTTP; port 0 picks a free one and keeps it in the data directory
  bool controllers = true;                // false: a client moves jobs and deployments by hand

  struct Nats {
    std::string url;                    // empty: an embedded server, as a child process
    std::filesystem::path credentials;  // of an existing server
    std::filesystem::path server_binary;  // of the embedded one; empty: looked for
    int port = 0;                       // of the embedded one; 0 picks a free one and keeps it
  } nats;

  struct Auth {  // off: every call acts as an all-powerful principal, and only loopback is listened on
    bool enabled = false;
    bool allow_open = false;  // listen beyond loopback without authentication, whoever may come
    std::string issuer;       // of OIDC tokens, exactly as they name it; empty: only tokens of `luthier token create`
    std::vector<std::string> audiences;  // a token must be meant for one of them
    std::string jwks;                    // URL or file of the issuer's keys; empty: as the issuer describes itself
    std::filesystem::path ca_file;       // PEM; empty: the authorities that the system trusts
    bool plain_http_issuer = false;      // an issuer beyond loopback without TLS
    std::string groups_claim = "groups";
    std::vector<std::string> admins;     // ids or "group:<name>"
    std::vector<std::string> services;   // subjects that count as services
    std::vector<std::string> speakers;   // services that may speak for others
  } auth;

  struct Tls {
    std::filesystem::path certificate, key;  // PEM; both or none
  } tls;

  struct Http {
    std::int64_t connections_max = 2048;
    std::int64_t connections_per_address_max = 1024;
    std::int64_t drain_seconds = 5;  // how long requests in flight may still take when the server is told to stop
  } http;

  struct Files {
    bool allow_local_storage = false;  // filesets that name a directory of this machine
    std::vector<std::string> external_hosts{"https://api.ngc.nvidia.com", "https://huggingface.co"};
    bool contact_stores = true;  // false: filesets with storage elsewhere are kept as they were named, and nothing is fetched
    std::int64_t fileset_gb_max = 0, workspace_gb_max = 0;  // quotas of what is stored, in 10^9 bytes; 0: none
  } files;

  struct Worker {
    bool enabled = true;         // start a worker on this machine
    std::string name = "local";
    std::int64_t lease_seconds = 15;
    std::int64_t grace_seconds = 5;
    std::int64_t checkpoint_every_steps = 10;
  } worker;
};

// Members that the file names replace the defaults; unknown ones are refused with their line.
Result<Config> parse_config(const std::string& toml, const std::string& file_name);
Result<Config> read_config(const std::filesystem::path& file);

// "127.0.0.1:8080" -> host and port.
Result<std::pair<std::string, int>> parse_listen(const std::string& listen);

}  // namespace luthier::config
