// Which provider answers for a name, and what that provider calls it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "actors/api/providers.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/served_names.hpp"

namespace luthier::api {

struct Choice {
  DocumentPointer provider;
  std::string served_name;
  std::string entity;
};

// What all providers of a workspace serve; made anew when one of them has changed.
struct ServedShelf {
  DocumentList records, views;  // what it was made of
  std::vector<DocumentPointer> providers;
  std::vector<Choice> served;
  ServedNames names;
};

class InferenceChoice {
 public:
  // What a provider calls the model that a request names: in the provider's workspace, then in its base model's. Null: it serves none of
  // that name.
  std::optional<Choice> in_provider(const Documents& documents, const DocumentPointer& provider, std::string_view model) const;

  // By a virtual model, a model entity or an adapter of the path's workspace. 404 says which of them is missing, or is not served.
  rest::Or<Choice> by_name(const Context& context, std::string_view name) const;

  // All that is served in workspaces that the caller may see, once each, by entity.
  std::vector<Choice> all(const Context& context) const;

 private:
  std::shared_ptr<const ServedShelf> shelf(const Documents& documents, const std::string& workspace) const;
  std::optional<Choice> find_ready(const Documents& documents, const std::string& workspace, std::string_view name, const std::string& home) const;
  std::optional<Choice> find_entity(const Context& context, const EntityName& entity) const;

  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const ServedShelf>> shelves_;
};

}  // namespace luthier::api
