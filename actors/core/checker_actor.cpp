#include "actors/core/checker_actor.hpp"

#include <caf/all.hpp>

#include "actors/core/messages.hpp"

namespace luthier::core {

caf::behavior checker_actor(caf::event_based_actor*, Checker* checker) {
  return {[=](const CheckRequest& request) -> CheckAnswer {
    auto checked = checker->check(*request.request, request.context);
    if (!checked) return {nullptr, checked.error()};
    return {std::make_shared<const events::Command>(std::move(*checked)), {}};
  }};
}

}  // namespace luthier::core
