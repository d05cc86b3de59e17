// /v1/…: which process serves the model that a request names, and what there is to name.
#pragma once

#include "actors/gateway/http_server.hpp"

namespace luthier::gateway {

void infer(Exchange& exchange, const GatewayDoors& doors);
void list_models(Exchange& exchange, const GatewayDoors& doors);
void show_model(Exchange& exchange, const GatewayDoors& doors, const std::string& id);

}  // namespace luthier::gateway
