// Models and adapters as the contract shows them, and what both services say of the names in their requests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/api/routes.hpp"
#include "actors/rest/schema.hpp"

namespace luthier::api {

enum class Verbosity { usual, verbose };
rest::Json render_model(const rest::Json& row, Verbosity verbosity);
rest::Json render_adapter(const rest::Json& row);

rest::Schema adapter_schema();  // of answers
rest::Schema finetuning_type();
rest::Schema prompt_data();
rest::Schema inference_params();
rest::Schema fileset_reference();

// "ws/name", where a bare name is one of `workspace`.
std::string full_reference(const std::string& reference, const std::string& workspace);
// The two parts of "ws/name".
std::pair<std::string, std::string> parts_of(const std::string& full);

// A fileset in a workspace that this caller may not read: 403. Nothing is said of workspaces that do not exist: the command finds out.
std::optional<rest::Answer> denied_fileset(const Context& context, const std::string& full);
// A refusal that is about the fileset is 400: it does not exist, is empty, or its files do not fit; others as usual.
rest::Answer fileset_refusal(const Context& context, const Error& error, const std::string& full);

}  // namespace luthier::api
