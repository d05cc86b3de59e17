// The list of models, whose filter knows of adapters and of deployment configurations.
#pragma once

#include "actors/api/routes.hpp"

namespace luthier::api {

const rest::PageRules& model_pages();
const rest::FilterRules& model_filter();
const rest::Relation& adapters_of_models();  // what a filter's `adapters` asks
void declare_lora_settings(Documents& documents);
rest::Answer list_models(Context& context);

}  // namespace luthier::api
