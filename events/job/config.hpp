// What the rules need of a training configuration; the rest is the engine's.
#pragma once

#include <optional>
#include <string>

#include "events/model/events.hpp"
#include "events/base/result.hpp"

namespace luthier::events {

struct TrainingMethod {
  std::string method;             // "lora" or "full"
  std::optional<LoraShape> lora;  // with "lora"
};
Result<TrainingMethod> method_of(const JsonText& config);

}  // namespace luthier::events
