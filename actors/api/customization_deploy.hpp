// What a fine-tuning job has served when it ends: spec.deployment_config.
#pragma once

#include <optional>
#include <string>

#include "actors/api/customization_compile.hpp"
#include "events/job/events.hpp"

namespace luthier::api {

struct DeploymentQuestion {
  const rest::Json& spec;       // with its output
  bool is_adapter = true;
  std::string workspace;        // of the job
  std::string base_model;       // "ws/name"
  std::string created_at;       // for an inline config
};

// The version that a deployment config (its record's data) has now; null: it has none.
rest::Json latest_version(const rest::Json& config_data);

// An inline config, as a deployment of the names that clients compute.
events::WishedDeployment inline_deployment(const DeploymentQuestion& question, const rest::Json& config);
// A config that is there already: `name` as the spec has it, `latest` its latest version. Refused when it cannot serve the result;
// `output_exists`: the model that the job makes is there already.
Result<events::WishedDeployment> named_deployment(const DeploymentQuestion& question, const std::string& name, const rest::Json& latest,
                                                  bool output_exists);

}  // namespace luthier::api
