// What a fine-tuning job may say, in the three generations of the contract.
#pragma once

#include <string>

#include "actors/rest/schema.hpp"

namespace luthier::api {

enum class Backend { classic, automodel, unsloth };

const char* name_of(Backend backend);        // "classic", "automodel", "unsloth"
const char* name_stem(Backend backend);      // of jobs without a name: "customization", "automodel", "unsloth"
const char* training_step(Backend backend);  // "customization-training-job", "training"

rest::Schema spec_schema(Backend backend);
// {"name"?, "description"?, "project"?, "spec", "ownership"?, "custom_fields"?}
rest::Schema job_request_schema(Backend backend);
rest::Schema job_schema();  // of answers, for the OpenAPI document

}  // namespace luthier::api
