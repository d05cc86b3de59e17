// Deployment configs: what to serve and how, in versions that do not change. All versions of one are one record.
#pragma once

#include <optional>

#include "actors/api/routes.hpp"

namespace luthier::api {

// A version of a config, as its own GET shows it. nullopt: there is no such version.
std::optional<rest::Json> config_version(const rest::Json& row, std::int64_t version);
std::int64_t latest_config_version(const rest::Json& row);

// Of a path: 1, 2, 3 …; nullopt: no positive integer.
std::optional<std::int64_t> parse_version(const std::string& text);

// "ws/name" of the model that a config is about, whether it exists or not. Its model_entity_id, else what the model's spec names.
std::string model_of_config(const rest::Json& config);

}  // namespace luthier::api
