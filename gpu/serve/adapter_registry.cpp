#include "gpu/serve/adapter_registry.hpp"

#include <future>

#include "gpu/serve/network.hpp"

namespace luthier::serve {

Result<AdapterChange> AdapterRegistry::load(const std::string& name, const std::filesystem::path& directory,
                                            std::string version) {
  const std::lock_guard one_at_a_time(loading_);
  const auto before = find(name);
  if (before && version.empty()) {  // most often the same again: its digest says so, and nothing else is read
    auto known = adapter_digest(directory);
    if (!known) return known.error();
    version = std::move(*known);
  }
  if (before && before->version == version) return AdapterChange::unchanged;
  if (!before) {
    const std::lock_guard lock(mutex_);
    if (static_cast<std::int64_t>(adapters_.size()) >= adapters_max_)
      return Error{ErrorCode::limit, "adapter \"" + name + "\" cannot be loaded: " + std::to_string(adapters_max_) +
                   " adapters are loaded already, which is the most; unload one first", "lora_name"};
  }
  // Of a plain adapter the digest takes as long as all the rest: both at once.
  std::future<Result<std::string>> digest;
  if (version.empty()) digest = std::async(adapter_digest, directory);
  auto read = read_adapter(directory);
  if (digest.valid()) {
    auto known = digest.get();
    if (!known) return known.error();
    version = std::move(*known);
  }
  if (!read) return read.error();
  const auto adapter = std::move(*read);
  adapter->name = name;
  adapter->version = std::move(version);
  const std::lock_guard lock(mutex_);
  adapters_[name] = adapter;
  return before ? AdapterChange::replaced : AdapterChange::loaded;
}

Result<std::shared_ptr<LoadedAdapter>> AdapterRegistry::read_adapter(const std::filesystem::path& directory) const {
  const auto read = checkpoint::view_adapter(directory, network_.decoder());
  if (!read) return read.error();
  auto adapter = std::make_shared<LoadedAdapter>();
  adapter->path = directory;
  adapter->base_model = read->config.base_model_name_or_path;
  if (auto packed = pack_adapter(*read, network_, *adapter); !packed) return with_context(packed.error(), directory.string());
  return adapter;
}

bool AdapterRegistry::unload(const std::string& name) {
  std::shared_ptr<const LoadedAdapter> last;  // its memory is freed after the lock
  const std::lock_guard lock(mutex_);
  const auto found = adapters_.find(name);
  if (found == adapters_.end()) return false;
  last = std::move(found->second);
  adapters_.erase(found);
  return true;
}

std::shared_ptr<const LoadedAdapter> AdapterRegistry::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = adapters_.find(name);
  return found == adapters_.end() ? nullptr : found->second;
}

std::vector<AdapterInfo> AdapterRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<AdapterInfo> out;
  for (const auto& [name, adapter] : adapters_)
    out.push_back({name, adapter->version, adapter->path, adapter->base_model, adapter->rank,
                   adapter->requests_in_flight.load()});
  return out;
}

}  // namespace luthier::serve
