#include "actors/api/inference_choice.hpp"

#include <algorithm>

#include "actors/rest/names.hpp"

namespace luthier::api {

using rest::Answer;
using rest::Or;

namespace {

constexpr std::size_t shelves_max = 10'000;

}  // namespace

std::shared_ptr<const ServedShelf> InferenceChoice::shelf(const Documents& documents, const std::string& workspace) const {
  const auto records = documents.all("provider", workspace), views = documents.all("deployment_provider", workspace);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = shelves_.find(workspace); found != shelves_.end() && found->second->records == records && found->second->views == views)
      return found->second;
  }
  auto made = std::make_shared<ServedShelf>();
  made->records = records;
  made->views = views;
  made->providers = providers_of(documents, workspace);
  for (const auto& provider : made->providers)
    for (auto& served : served_models_of(provider->body)) {
      made->names.add(served, made->served.size());
      made->served.push_back({provider, std::move(served.served_name), std::move(served.entity)});
    }
  const std::lock_guard lock(mutex_);
  if (shelves_.size() >= shelves_max) shelves_.clear();
  shelves_[workspace] = made;
  return made;
}

std::optional<Choice> InferenceChoice::in_provider(const Documents& documents, const DocumentPointer& provider, std::string_view model) const {
  const auto workspace = text_or_empty(provider->body, "workspace");
  const auto served = shelf(documents, workspace);
  const auto look = [&](const std::string& home) -> std::optional<Choice> {
    const auto is_its_own = [&](std::size_t place) { return served->served[place].provider->body["id"] == provider->body["id"]; };
    const auto places = served->names.find(model, home, is_its_own);
    return places.empty() ? std::nullopt : std::optional(served->served[places.front()]);
  };
  if (auto found = look(workspace)) return found;
  for (const auto& own : served_models_of(provider->body))  // a deployment of another workspace's model
    if (const auto base = parse_entity_name(own.entity, workspace); base && base->workspace != workspace) return look(base->workspace);
  return std::nullopt;
}

std::optional<Choice> InferenceChoice::find_ready(const Documents& documents, const std::string& workspace, std::string_view name, const std::string& home) const {
  const auto served = shelf(documents, workspace);
  const auto places = served->names.find(name, home, [&](std::size_t place) { return is_provider_ready(served->served[place].provider->body); });
  return places.empty() ? std::nullopt : std::optional(served->served[places.front()]);
}

// In the workspace of the model first, where most deployments of it are.
std::optional<Choice> InferenceChoice::find_entity(const Context& context, const EntityName& entity) const {
  const auto& documents = context.services.documents;
  if (!context.sees_workspace(entity.workspace)) return std::nullopt;
  const auto text = entity.text();
  if (auto found = find_ready(documents, entity.workspace, text, entity.workspace)) return found;
  for (const auto list = documents.all("workspace", "system"); const auto& workspace : *list) {
    const auto other = workspace->row["name"].get<std::string>();
    if (other == entity.workspace || !context.sees_workspace(other)) continue;
    if (auto found = find_ready(documents, other, text, entity.workspace); found && found->entity == text) return found;
  }
  return std::nullopt;
}

Or<Choice> InferenceChoice::by_name(const Context& context, std::string_view name) const {
  const auto& documents = context.services.documents;
  const auto& workspace = context.workspace();
  auto plain = name;
  if (plain.starts_with(workspace + "/")) plain.remove_prefix(workspace.size() + 1);
  if (rest::is_entity_name(plain))
    if (const auto virtual_model = documents.get("virtual_model", workspace, std::string(plain))) {
      const auto target = text_or_empty(virtual_model->body, "default_model_entity");
      const auto title = "virtual model " + workspace + "/" + std::string(plain);
      if (target.empty()) return rest::detail(404, title + " has no default_model_entity, and so there is nothing that could answer");
      const auto entity = parse_entity_name(target, workspace);
      if (auto found = entity ? find_entity(context, *entity) : std::nullopt) return *found;
      return rest::detail(404, "model entity " + target + ", which " + title + " stands for, is served by no provider that is READY");
    }
  if (auto found = find_ready(documents, workspace, name, workspace)) return *found;
  const auto entity = parse_entity_name(name, workspace);
  if (entity && entity->workspace == workspace) {
    if (auto found = find_entity(context, *entity)) return *found;
    const auto model = context.services.platform.read_models().get("model", workspace, entity->model);
    if (model && *model)
      return rest::detail(404, "model entity " + entity->text() + " is served by no provider that is READY");
  }
  const bool has_workspace = name.find('/') != name.npos;
  return rest::detail(404, "model " + (has_workspace ? "" : workspace + "/") + std::string(name.substr(0, 400)) + " not found");
}

std::vector<Choice> InferenceChoice::all(const Context& context) const {
  std::vector<Choice> found;
  for (const auto list = context.services.documents.all("workspace", "system"); const auto& workspace : *list) {
    const auto name = workspace->row["name"].get<std::string>();
    if (!context.sees_workspace(name)) continue;
    for (const auto own = shelf(context.services.documents, name); const auto& choice : own->served)
      if (is_provider_ready(choice.provider->body) && !choice.entity.empty()) found.push_back(choice);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.entity < b.entity; });
  found.erase(std::unique(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.entity == b.entity; }), found.end());
  return found;
}

}  // namespace luthier::api
