// Which adapters a serving process has: asked for, confirmed, or failed. Only what was asked for can be confirmed.
#include "events/deployment/rules.hpp"

#include <algorithm>

namespace luthier::events {
namespace {

using Phase = ServedAdapter::Phase;

const ServedAdapter* served(const DeploymentState& deployment, const std::string& adapter) {
  const auto found = deployment.adapters.find(adapter);
  return found == deployment.adapters.end() ? nullptr : &found->second;
}

bool is_in(const ServedAdapter* adapter, Phase phase) { return adapter && adapter->phase == phase; }
bool is_in(const ServedAdapter* adapter, Phase phase, const std::string& key) { return is_in(adapter, phase) && adapter->key == key; }

// The load is of an adapter as it is now: what was looked at may have changed since.
Result<void> check_wanted(const World& world, const DeploymentState& deployment, const RequestAdapterLoad& load) {
  const auto refuse = [&](const std::string& why) { return conflict("adapter " + load.adapter + " " + why, "data.adapter"); };
  if (!deployment.lora_enabled) return refuse("is not to be served: deployment " + reference_to(deployment) + " has lora_enabled off");
  const auto name = parse_reference(deployment.model, deployment.workspace);
  const ModelState* model = name ? find(world.models, *name) : nullptr;
  if (!model) return refuse("is not of model " + deployment.model);
  const auto adapter = std::find_if(model->adapters.begin(), model->adapters.end(), [&](const auto& entry) {
    return served_name(entry.second.workspace, entry.second.name) == load.adapter;
  });
  if (adapter == model->adapters.end()) return refuse("is not of model " + deployment.model);
  if (!adapter->second.enabled) return refuse("is disabled");
  if (adapter->second.key() != load.key) return refuse("has other content by now: " + adapter->second.key());
  return {};
}

Error not_asked_for(const std::string& adapter, const std::string& what) {
  return conflict("adapter " + adapter + " was not to be " + what, "data.adapter");
}

}  // namespace

Decision decide(const World& world, const Request& request, const RequestAdapterLoad& load, const Limits&) {
  const auto found = serving_deployment(world, request, load.attempt);
  if (!found) return found.error();
  const ServedAdapter* now = served(**found, load.adapter);
  if (is_in(now, Phase::loading, load.key) || is_in(now, Phase::loaded, load.key)) return Facts{};
  if (is_in(now, Phase::unloading)) return conflict("adapter " + load.adapter + " is being unloaded", "data.adapter");
  if (auto ok = check_wanted(world, **found, load); !ok) return ok.error();
  return Facts{fact_of(**found, AdapterLoadRequested{load.attempt, load.adapter, load.key})};
}

Decision decide(const World& world, const Request& request, const RequestAdapterUnload& unload, const Limits&) {
  const auto found = serving_deployment(world, request, unload.attempt);
  if (!found) return found.error();
  const ServedAdapter* now = served(**found, unload.adapter);
  if (!now || is_in(now, Phase::unloading)) return Facts{};
  return Facts{fact_of(**found, AdapterUnloadRequested{unload.attempt, unload.adapter})};
}

Decision decide(const World& world, const Request& request, const ConfirmAdapterLoaded& loaded, const Limits&) {
  const auto found = serving_deployment(world, request, loaded.attempt);
  if (!found) return found.error();
  const ServedAdapter* now = served(**found, loaded.adapter);
  if (is_in(now, Phase::loaded, loaded.key)) return Facts{};
  if (!is_in(now, Phase::loading, loaded.key)) return not_asked_for(loaded.adapter, "loaded as " + loaded.key);
  return Facts{fact_of(**found, AdapterLoaded{loaded.attempt, loaded.adapter, loaded.key})};
}

Decision decide(const World& world, const Request& request, const FailAdapterLoad& failed, const Limits& limits) {
  const auto found = serving_deployment(world, request, failed.attempt);
  if (!found) return found.error();
  const ServedAdapter* now = served(**found, failed.adapter);
  if (is_in(now, Phase::failed, failed.key)) return Facts{};
  if (!is_in(now, Phase::loading, failed.key)) return not_asked_for(failed.adapter, "loaded as " + failed.key);
  return Facts{fact_of(**found, AdapterLoadFailed{failed.attempt, failed.adapter, failed.key, readable(failed.reason, limits)})};
}

Decision decide(const World& world, const Request& request, const ConfirmAdapterUnloaded& unloaded, const Limits&) {
  const auto found = serving_deployment(world, request, unloaded.attempt);
  if (!found) return found.error();
  if (!is_in(served(**found, unloaded.adapter), Phase::unloading)) return not_asked_for(unloaded.adapter, "unloaded");
  return Facts{fact_of(**found, AdapterUnloaded{unloaded.attempt, unloaded.adapter})};
}

}  // namespace luthier::events
