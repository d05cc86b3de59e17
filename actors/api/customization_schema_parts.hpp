// The pieces that the specs of the three generations are made of.
#pragma once

#include "actors/rest/schema.hpp"

namespace luthier::api {

rest::Schema classic_spec();
rest::Schema automodel_spec();
rest::Schema unsloth_spec();

rest::Json automodel_lora_defaults();
rest::Json unsloth_lora_defaults();

rest::Schema positive();     // a whole number above 0
rest::Schema not_negative();  // a whole number
rest::Schema fraction();     // 0 to 1

rest::Schema base_model();                         // "name" or "workspace/name"
rest::Schema fileset_name();                       // the same, also behind "fileset://"
rest::Schema output_name();                        // what an entity can be called
rest::Schema parallelism(rest::Extra extra);
rest::Schema deployment_choice(rest::Extra extra);  // a name, an inline config, or null
rest::Schema classic_integrations();
rest::Schema backend_integrations();  // an empty one is refused
// A member of an older spelling: always refused, with the hint.
rest::Field refused_member(std::string_view name, std::string_view hint);
// An adapter that its inline deployment config could not serve; nothing when that is not so.
std::optional<std::string> unservable(const rest::Json& spec, bool makes_adapter);

}  // namespace luthier::api
