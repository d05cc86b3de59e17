// The data directory of a node: its layout, and the lock that keeps a second control plane out.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "events/base/result.hpp"

namespace luthier::node {

struct Layout {
  std::filesystem::path root;
  std::filesystem::path log() const { return root / "log"; }
  std::filesystem::path anchor() const { return root / "anchor"; }
  std::filesystem::path projections() const { return root / "projections"; }
  std::filesystem::path blobs() const { return root / "blobs"; }
  std::filesystem::path filesets() const { return root / "filesets"; }
  std::filesystem::path work() const { return root / "work"; }
  std::filesystem::path nats() const { return root / "nats"; }
  std::filesystem::path keys() const { return root / "keys"; }
  std::filesystem::path client_url() const { return nats() / "client.url"; }
  std::filesystem::path http_url() const { return root / "http.url"; }  // where the gateway answers, for clients on this disk
};

// Held as long as the node runs; the kernel lets go of it when the process dies, however it dies.
class DirectoryLock {
 public:
  // `conflict` when another process has it, naming the process.
  static Result<std::unique_ptr<DirectoryLock>> take(const std::filesystem::path& file);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// The process that holds the lock file now; 0: nobody.
int lock_holder(const std::filesystem::path& file);

Result<Layout> make_directories(const std::filesystem::path& root);

}  // namespace luthier::node
