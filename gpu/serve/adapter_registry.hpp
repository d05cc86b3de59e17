// The adapters that new requests may name. They are loaded and unloaded while requests run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/lora.hpp"

namespace luthier::serve {

struct AdapterInfo {
  std::string name, version;
  std::filesystem::path path;
  std::string base_model;
  std::int64_t rank = 0;
  std::int64_t requests_in_flight = 0;
};

enum class AdapterChange { loaded, unchanged, replaced };

// Every function may be called from any thread.
class AdapterRegistry {
 public:
  // The network whose adapters they are outlives the registry.
  AdapterRegistry(const Network& network, std::int64_t adapters_max) : network_(network), adapters_max_(adapters_max) {}

  // The same name and version again changes nothing. Another version takes the name over: requests that run keep the one
  // that they began with. An empty version stands for the digest of the adapter's files.
  Result<AdapterChange> load(const std::string& name, const std::filesystem::path& directory, std::string version);
  bool unload(const std::string& name);  // false: there was none

  std::shared_ptr<const LoadedAdapter> find(const std::string& name) const;  // nullptr: there is none
  std::vector<AdapterInfo> list() const;

 private:
  Result<std::shared_ptr<LoadedAdapter>> read_adapter(const std::filesystem::path& directory) const;

  const Network& network_;
  const std::int64_t adapters_max_;
  std::mutex loading_;  // one load at a time: reading files must not hold up find()
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const LoadedAdapter>> adapters_;
};

}  // namespace luthier::serve
