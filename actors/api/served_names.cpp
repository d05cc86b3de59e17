#include "actors/api/served_names.hpp"

#include <algorithm>
#include <iterator>

namespace luthier::api {
namespace {

constexpr std::string_view adapters_part = "&adapters/";

// "a/b" as its two parts; nullopt unless there is exactly one slash with something on both sides.
std::optional<std::pair<std::string_view, std::string_view>> two_parts(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos || slash == 0 || slash + 1 == text.size() || text.find('/', slash + 1) != text.npos) return std::nullopt;
  return std::pair{text.substr(0, slash), text.substr(slash + 1)};
}

// "aws--adapter". "--" cannot occur in a name, so that it divides for sure.
std::optional<std::pair<std::string_view, std::string_view>> dashed_parts(std::string_view text) {
  const auto dashes = text.find("--");
  if (dashes == text.npos || dashes == 0 || dashes + 2 >= text.size() || text.find('/') != text.npos) return std::nullopt;
  return std::pair{text.substr(0, dashes), text.substr(dashes + 2)};
}

std::string adapter_meaning(std::string_view workspace, std::string_view name) {
  return std::string("adapter:").append(workspace).append("/").append(name);
}
std::string entity_meaning(std::string_view entity) { return std::string("entity:").append(entity); }
std::string name_meaning(std::string_view name) { return std::string("name:").append(name); }

}  // namespace

std::string EntityName::text() const {
  std::string text = workspace + "/" + model;
  if (is_adapter()) text.append(adapters_part).append(adapter_workspace).append("/").append(adapter);
  return text;
}

std::optional<EntityName> parse_entity_name(std::string_view text, std::string_view workspace) {
  const auto ampersand = text.find('&');
  const auto base = text.substr(0, ampersand);
  EntityName name;
  if (const auto parts = two_parts(base)) {
    name.workspace = parts->first;
    name.model = parts->second;
  } else if (!base.empty() && base.find('/') == base.npos) {
    name.workspace = workspace;
    name.model = base;
  } else {
    return std::nullopt;
  }
  if (ampersand == text.npos) return name;
  const auto rest = text.substr(ampersand);
  if (!rest.starts_with(adapters_part)) return std::nullopt;
  const auto adapter = two_parts(rest.substr(adapters_part.size()));
  if (!adapter) return std::nullopt;
  name.adapter_workspace = adapter->first;
  name.adapter = adapter->second;
  return name;
}

std::optional<EntityName> adapter_entity(std::string_view base_entity, std::string_view served_name) {
  auto base = parse_entity_name(base_entity, "");
  // A prefix "ws/" is the base model's; a name without dashes lives in its workspace.
  if (const auto slash = served_name.rfind('/'); slash != served_name.npos) served_name.remove_prefix(slash + 1);
  if (!base || base->is_adapter() || base->workspace.empty() || served_name.empty()) return std::nullopt;
  if (const auto parts = dashed_parts(served_name)) {
    base->adapter_workspace = parts->first;
    base->adapter = parts->second;
  } else {
    base->adapter_workspace = base->workspace;
    base->adapter = served_name;
  }
  return base;
}

std::vector<std::string> meanings_of(std::string_view model, std::string_view workspace) {
  std::vector<std::string> meanings{name_meaning(model)};
  const auto last_slash = model.rfind('/');
  const auto last = last_slash == model.npos ? model : model.substr(last_slash + 1);
  if (const auto dashed = dashed_parts(last); dashed && (last_slash == model.npos || two_parts(model)))
    meanings.push_back(adapter_meaning(dashed->first, dashed->second));
  const auto entity = parse_entity_name(model, workspace);
  if (!entity) return meanings;
  meanings.push_back(entity_meaning(entity->text()));
  if (!entity->is_adapter()) meanings.push_back(adapter_meaning(entity->workspace, entity->model));
  return meanings;
}

void ServedNames::add(const ServedModel& served, std::size_t place) {
  places_[name_meaning(served.served_name)].push_back(place);
  const auto entity = parse_entity_name(served.entity, "");
  if (!entity) return;
  places_[entity_meaning(entity->text())].push_back(place);
  if (entity->is_adapter()) places_[adapter_meaning(entity->adapter_workspace, entity->adapter)].push_back(place);
}

std::vector<std::size_t> ServedNames::find(std::string_view model, std::string_view workspace, const std::function<bool(std::size_t)>& suits) const {
  for (const auto& meaning : meanings_of(model, workspace)) {
    const auto found = places_.find(meaning);
    if (found == places_.end()) continue;
    if (!suits) return found->second;
    std::vector<std::size_t> suitable;
    std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(suitable), suits);
    if (!suitable.empty()) return suitable;
  }
  return {};
}

}  // namespace luthier::api
