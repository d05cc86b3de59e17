// The administrator's routes of a serving process: which adapters it has loaded, and orders to change that. Each call blocks
// for its time-out at most.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "actors/worker/protocol.hpp"
#include "events/base/result.hpp"

namespace luthier::worker {

class ServerAdmin {
 public:
  ServerAdmin(std::string endpoint, std::string token) : endpoint_(std::move(endpoint)), token_(std::move(token)) {}

  bool is_healthy(std::chrono::milliseconds timeout) const;
  Result<std::vector<AdapterReport>> adapters() const;
  Result<void> load(const std::string& served_name, const std::filesystem::path& directory, const std::string& key) const;
  Result<void> unload(const std::string& served_name) const;

 private:
  Result<std::string> post(const std::string& path, const std::string& body) const;
  std::string endpoint_, token_;
};

}  // namespace luthier::worker
