// Which serving process answers for a model's name: read from the read models at each request, so that a disabled adapter is
// gone as soon as its event is folded.
#pragma once

#include <functional>

#include "actors/gateway/gateway.hpp"
#include "events/base/result.hpp"

namespace luthier::projections {
class ReadModels;
}

namespace luthier::node {

Result<gateway::Target> route(const projections::ReadModels& models, const std::string& model);
std::vector<gateway::ServedModel> list_models(const projections::ReadModels& models);

}  // namespace luthier::node
