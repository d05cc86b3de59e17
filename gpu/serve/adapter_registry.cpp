#include "gpu/serve/adapter_registry.hpp"

#include "gpu/serve/network.hpp"

namespace luthier::serve {

Result<AdapterChange> AdapterRegistry::load(const std::string& name, const std::filesystem::path& directory,
                                            std::string version) {
  const std::lock_guard one_at_a_time(loading_);
  if (version.empty()) {
    auto digest = adapter_digest(directory);
    if (!digest) return digest.error();
    version = std::move(*digest);
  }
  const auto before = find(name);
  if (before && before->version == version) return AdapterChange::unchanged;
  if (!before) {
    const std::lock_guard lock(mutex_);
    if (static_cast<std::int64_t>(adapters_.size()) >= adapters_max_)
      return Error{ErrorCode::limit, "adapter \"" + name + "\" cannot be loaded: " + std::to_string(adapters_max_) +
                   " adapters are loaded already, which is the most; unload one first", "lora_name"};
  }
  auto read = checkpoint::load_adapter(directory, network_.decoder());
  if (!read) return read.error();
  auto adapter = std::make_shared<LoadedAdapter>();
  adapter->name = name;
  adapter->version = std::move(version);
  adapter->path = directory;
  adapter->base_model = read->config.base_model_name_or_path;
  if (auto packed = pack_adapter(*read, network_, *adapter); !packed)
    return with_context(packed.error(), directory.string());
  const std::lock_guard lock(mutex_);
  adapters_[name] = std::move(adapter);
  return before ? AdapterChange::replaced : AdapterChange::loaded;
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
