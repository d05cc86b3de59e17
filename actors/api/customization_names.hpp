// The names that follow from a job's spec: known before anything of the kind exists.
#pragma once

#include <string>
#include <string_view>

namespace luthier::api {

// "<model>-<dataset>" cut to 50 characters, no '-' at its end, then "-<hex12>": an entity's name, whatever the two are. With
// `plain` only letters, digits, '_' and '-' are kept, as the newer back ends have it.
std::string automatic_output_name(std::string_view model, std::string_view dataset, std::string_view hex12, bool plain);
// Of an output that was named: "<name cut to 50>-<hex12>".
std::string output_fileset_name(std::string_view output, std::string_view hex12);
// "sft-deploy-<model>", "sft-cfg-<model>": the last part of the model's reference, made fit; at most 59 characters.
std::string deployment_name(std::string_view model);
std::string deployment_config_name(std::string_view model);

std::string last_part(std::string_view reference);  // "default/smol" -> "smol"
// "fileset://ws/name", "ws/name" or "name" -> "ws/name"
std::string full_reference(std::string_view reference, std::string_view workspace);

}  // namespace luthier::api
