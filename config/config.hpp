// The configuration of a node: one struct, parsed once from a file and the command line. Every option is here with its
// default; config/luthier.toml is the commented sample.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

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
