// What the rules need of a training configuration; the rest is the engine's.
#pragma once

#include <optional>
#include <string>

#include "events/model/events.hpp"
#include "events/base/result.hpp"

namespace luthier::events {

struct TrainingMethod {
  std::string method;             // "lora": the output is an adapter; "full": a model
  std::optional<LoraShape> lora;  // with "lora"
  bool is_merged = false;         // with "full": LoRA weights, put into those of the model
  bool has_teacher = false;       // it learns from another model too
};
Result<TrainingMethod> method_of(const JsonText& config);

}  // namespace luthier::events
