// Our own nats-server: a child process on the loopback, with credentials of this installation and its JetStream store
// under the data directory. It ends with us, even after SIGKILL, and is started again when it ends by itself.
//
//   nats/credentials.json   the passwords and the port, made once
//   nats/server.conf        written at each start
//   nats/server.url         the control plane's URL with its credentials; nats/client.url and nats/worker.url likewise
//   nats/jetstream/         the streams; rebuilt from the log when lost
//   nats/server.log
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/bus/nats_binary.hpp"
#include "events/base/result.hpp"

namespace luthier::bus {

struct NatsServerOptions {
  std::filesystem::path directory;  // <data>/nats
  std::filesystem::path binary;     // empty: see find_nats_server
  std::string search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string host = "127.0.0.1";
  int port = 0;                                   // 0: the one of the last start, or else any free one
  std::chrono::milliseconds start_wait{15000};    // JetStream may have to read its store
  std::chrono::milliseconds port_wait{5000};      // until a server of ours that was just killed has let go of the port
  std::int64_t payload_bytes_max = 1 << 20;
  std::string sync_interval = "2s";               // servers before 2.10 have a fixed one
};

class NatsServer {
 public:
  static Result<std::unique_ptr<NatsServer>> start(const NatsServerOptions& options);  // returns when it answers
  ~NatsServer();
  void stop();  // within 5 s

  std::string url() const;  // "nats://127.0.0.1:4222", without credentials
  int port() const;
  const NatsBinary& binary() const;
  std::filesystem::path server_file() const, client_file() const, worker_file() const;
  pid_t pid() const;  // 0: it is being started again
  int restarts() const;

 private:
  struct Parts;
  static Result<void> write_files(const Parts& parts);
  static std::unique_ptr<class ChildProcess> start_child(const Parts& parts);
  static Result<void> wait_until_it_answers(const Parts& parts);
  explicit NatsServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::bus
