#include "events/job/config.hpp"

#include "events/json/fields.hpp"
#include "events/model/rules.hpp"

namespace luthier::events {
namespace {

template <class T>
Result<T> member(const json::Value& object, std::string_view name, const std::string& field) {
  T into{};
  const json::Value* value = object.find(name);
  const json::Path path{nullptr, field};
  if (!value) return json::error_at(path, "is required");
  if (auto ok = json::read(*value, into, path); !ok) return ok.error();
  return into;
}

}  // namespace

Result<TrainingMethod> method_of(const JsonText& config) {
  const auto value = json::parse(config.text);
  if (!value || !value->object()) return invalid("data.config: an object is needed", "data.config");
  const auto method = member<std::string>(*value, "method", "data.config.method");
  if (!method) return method.error();
  const json::Value* distillation = value->find("distillation");
  const bool has_teacher = distillation && !std::holds_alternative<std::nullptr_t>(distillation->held);
  if (*method == "full") return TrainingMethod{*method, std::nullopt, false, has_teacher};
  if (*method != "lora") return invalid("data.config.method: \"lora\" or \"full\" is needed", "data.config.method");
  const json::Value none{json::Object{}};
  const json::Value* shape = value->find("lora");
  const auto rank = member<std::int64_t>(shape ? *shape : none, "r", "data.config.lora.r");
  if (!rank) return rank.error();
  if (*rank < 1) return invalid("data.config.lora.r: 1 or more is needed", "data.config.lora.r");
  const auto alpha = member<double>(shape ? *shape : none, "alpha", "data.config.lora.alpha");
  if (!alpha) return alpha.error();
  if (const json::Value* merge = value->find("merge"); merge && std::holds_alternative<bool>(merge->held) && std::get<bool>(merge->held))
    return TrainingMethod{"full", std::nullopt, true, has_teacher};
  return TrainingMethod{*method, LoraShape{*rank, *alpha}, false, has_teacher};
}

}  // namespace luthier::events
