// Providers: places where models are served. One of a deployment is a view of the deployment, so that the two cannot disagree; one
// that a client has made is a record. A record that says it belongs to a deployment adds its settings to the deployment's view.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/api/routes.hpp"
#include "actors/api/served_names.hpp"

namespace luthier::api {

// As GET shows it; null: there is none.
DocumentPointer find_provider(const Documents& documents, const std::string& workspace, const std::string& name);
// Of a workspace, in the order of their creation.
std::vector<DocumentPointer> providers_of(const Documents& documents, const std::string& workspace);

// Whether a record adds its settings to a deployment's view, and has no address, status and models of its own.
bool is_of_deployment(const Documents& documents, const rest::Json& record);

// What a deployment's row shows as a provider; an object without members before it was ready for the first time.
rest::Json render_deployment_provider(const rest::Json& row);
// A record with a deployment's view: its settings, and the deployment's address, status and models.
rest::Json merged_provider(const rest::Json& record, const rest::Json& view);
// "ws/name", the provider's; null while the deployment has none.
rest::Json provider_of_deployment(const rest::Json& row);

std::vector<ServedModel> served_models_of(const rest::Json& provider);
bool is_provider_ready(const rest::Json& provider);

}  // namespace luthier::api
