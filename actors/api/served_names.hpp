// How a request may call what is served: a model by its entity ("ws/model"), an adapter as it is served ("<ws>--<adapter>"), by its
// composite entity ("ws/base&adapters/<ws>/<adapter>"), or by its name alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace luthier::api {

// "ws/model" or "ws/base&adapters/aws/adapter".
struct EntityName {
  std::string workspace, model;
  std::string adapter_workspace, adapter;  // both empty: the model itself
  bool is_adapter() const { return !adapter.empty(); }
  std::string text() const;
};
// Without a workspace in front it is one of `workspace`. nullopt: neither form.
std::optional<EntityName> parse_entity_name(std::string_view text, std::string_view workspace);

// The entity of an adapter by the name under which our own engine serves it; nullopt: no such name.
std::optional<EntityName> adapter_entity(std::string_view base_entity, std::string_view served_name);

struct ServedModel {
  std::string entity;       // "ws/model", "ws/base&adapters/aws/adapter"
  std::string served_name;  // what the provider calls it
};

// What a request's `model` may mean, the most certain meaning first; see ServedNames.
std::vector<std::string> meanings_of(std::string_view model, std::string_view workspace);

// Who is meant by a name. Filled once, then asked by any thread.
class ServedNames {
 public:
  // `place` is handed back when this one is meant.
  void add(const ServedModel& served, std::size_t place);
  // The places of those that the first meaning with any has, in the order in which they were added, as far as `suits` holds for them.
  // `workspace` is where bare names are of.
  std::vector<std::size_t> find(std::string_view model, std::string_view workspace, const std::function<bool(std::size_t place)>& suits = nullptr) const;

 private:
  std::unordered_map<std::string, std::vector<std::size_t>> places_;
};

}  // namespace luthier::api
