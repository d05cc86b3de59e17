// luthier worker: a worker as a process of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

namespace luthier::worker {

struct WorkerOptions {
  std::filesystem::path data;         // --data: its work/ is used, and its blobs/ when no other place is given
  std::string name = "local";         // --name: unique among the workers of the control plane
  std::string nats_url;               // --nats; empty: in the credentials
  std::filesystem::path credentials;  // --creds
  std::string blobs_url;              // --blobs http://HOST:PORT: where blobs are when the disk is not shared
  std::filesystem::path blobs_token;  // --blobs-token FILE
  std::int64_t checkpoint_every = 10; // --checkpoint-every STEPS
  std::string serve_host = "127.0.0.1";  // --serve-host ADDRESS: where served models listen, and the control plane reaches them
  std::string engine_version;
  std::string program = "/proc/self/exe";  // understands `train` and `engine serve`
};

// Runs until SIGTERM or SIGINT: then training is asked for a checkpoint, everything is ended, and the control plane is
// told, within 8 s. The exit code: 0 stopped as asked, 1 it could not start or had to end, 3 NATS cannot be reached; then one
// line on `errors` says why.
int run_worker(const WorkerOptions& options, std::ostream& out, std::ostream& errors);

}  // namespace luthier::worker
