#include "actors/node/router.hpp"

#include <nlohmann/json.hpp>

#include "actors/gateway/model_reference.hpp"
#include "projections/projections.hpp"

namespace luthier::node {
namespace {

using nlohmann::ordered_json;
using projections::ReadModels;

Error not_found(const std::string& model) { return {ErrorCode::not_found, "the model `" + model + "` does not exist", "model"}; }

std::optional<ordered_json> row(const ReadModels& models, const std::string& entity, const std::string& workspace, const std::string& name) {
  const auto found = models.get(entity, workspace, name);
  if (!found || !*found) return std::nullopt;
  return ordered_json::parse(**found);
}

void for_each(const ReadModels& models, const std::string& entity, const std::string& workspace,
              const std::function<void(const ordered_json&)>& what) {
  for (std::string after;;) {
    const auto page = models.list(entity, workspace, after, 1000);
    if (!page) return;
    for (const auto& item : page->items) what(ordered_json::parse(item));
    if (!page->next) return;
    after = *page->next;
  }
}

// Where "ws/model" is served: by a deployment of workspace `nearest` if one is ready, else by one of any other workspace.
std::optional<std::string> endpoint_of(const ReadModels& models, const std::string& nearest, const std::string& model) {
  const auto slash = model.find('/');
  const auto entity = row(models, "model", model.substr(0, slash), model.substr(slash + 1));
  if (!entity) return std::nullopt;
  std::optional<std::string> endpoint;
  for (const auto& provider : (*entity)["providers"]) {
    const auto name = provider.get<std::string>();
    const auto workspace = name.substr(0, name.find('/'));
    if (endpoint && workspace != nearest) continue;
    const auto deployment = row(models, "deployment", workspace, name.substr(workspace.size() + 1));
    if (!deployment || (*deployment)["status"] != "READY" || (*deployment)["model"] != model) continue;
    endpoint = (*deployment)["endpoint"].get<std::string>();
    if (workspace == nearest) break;
  }
  return endpoint;
}

Error not_served(const std::string& model) {
  return {ErrorCode::unavailable, "no deployment serves " + model + " now; see `luthier deployment list`", "model"};
}

}  // namespace

Result<gateway::Target> route(const ReadModels& models, const std::string& name) {
  const auto reference = gateway::parse_model_reference(name);
  if (!reference) return not_found(name);
  if (reference->is_adapter) {
    const auto adapter = row(models, "adapter", reference->workspace, reference->name);
    if (!adapter || !(*adapter)["enabled"].get<bool>()) return not_found(name);
    const auto endpoint = endpoint_of(models, reference->workspace, (*adapter)["model"].get<std::string>());
    if (!endpoint) return not_served(name);
    return gateway::Target{*endpoint, name, true};
  }
  const auto full = reference->workspace + "/" + reference->name;
  if (!row(models, "model", reference->workspace, reference->name)) return not_found(name);
  const auto endpoint = endpoint_of(models, reference->workspace, full);
  if (!endpoint) return not_served(name);
  return gateway::Target{*endpoint, full, false};
}

std::vector<gateway::ServedModel> list_models(const ReadModels& models) {
  std::vector<gateway::ServedModel> served;
  for_each(models, "workspace", "system", [&](const ordered_json& workspace) {
    const auto name = workspace["name"].get<std::string>();
    for_each(models, "deployment", name, [&](const ordered_json& deployment) {
      if (deployment["status"] != "READY") return;
      const auto base = deployment["model"].get<std::string>();
      served.push_back({base, name, base, ""});
      for (const auto& adapter : deployment["adapters"])
        if (adapter["status"] == "loaded") served.push_back({adapter["name"].get<std::string>(), name, base, base});
    });
  });
  return served;
}

}  // namespace luthier::node
