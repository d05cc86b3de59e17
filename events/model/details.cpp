#include "events/model/details.hpp"

#include <algorithm>
#include <cctype>

namespace luthier::events {
namespace {

using json::Object;
using json::Value;

void set(Object& object, const std::string& name, Value value) {
  const auto found = std::find(object.names.begin(), object.names.end(), name);
  const auto place = found - object.names.begin();
  if (found != object.names.end()) {
    object.values[static_cast<std::size_t>(place)] = std::move(value);
    return;
  }
  object.names.push_back(name);
  object.values.push_back(std::move(value));
}

void take(Object& object, const std::string& name) {
  const auto found = std::find(object.names.begin(), object.names.end(), name);
  if (found == object.names.end()) return;
  object.values.erase(object.values.begin() + (found - object.names.begin()));
  object.names.erase(found);
}

// Null when a step is missing.
const Value* at(const Value* value, std::initializer_list<std::string_view> path) {
  for (const auto step : path)
    if (value) value = value->find(step);
  return value;
}

const Value* set_at(const Value* value, std::initializer_list<std::string_view> path) {
  const Value* found = at(value, path);
  return found && !found->is_null() ? found : nullptr;
}

bool speaks_of_embedding(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.find("embed") != text.npos;
}

// A checkpoint that says how its hidden states become one vector is such a model whatever it is called.
bool is_embedding(const ModelState& model, const Value& fileset_details, const Value* pooling) {
  if (pooling && pooling->text()) return true;
  if (speaks_of_embedding(model.name)) return true;
  for (const auto* member : {"path", "target", "repo_id"})
    if (const Value* name = at(&fileset_details, {"storage", member}); name && name->text() && speaks_of_embedding(*name->text())) return true;
  return false;
}

// The parser and its options, as the spec has them: of the metadata's object all but the template.
std::optional<Value> tool_calls(const Value* tool_calling) {
  Object config;
  for (const auto* member : {"tool_call_parser", "tool_call_plugin", "auto_tool_choice"}) {
    const Value* value = tool_calling ? tool_calling->find(member) : nullptr;
    set(config, member, value ? *value : Value{});
  }
  const bool is_empty = std::all_of(config.values.begin(), config.values.end(), [](const Value& value) { return value.is_null(); });
  return is_empty ? std::nullopt : std::optional(Value{std::move(config)});
}

Value parsed(const JsonText& text) {
  auto value = json::parse(text.text);
  return value ? std::move(*value) : Value{};
}

}  // namespace

Result<JsonText> with_members(const JsonText& details, const std::optional<JsonText>& members, const Limits& limits) {
  if (!members) return details;
  const auto changes = checked_details(*members, limits);
  if (!changes) return changes.error();
  Value changed = parsed(details);
  if (!changed.object()) changed.held = Object{};
  auto& object = std::get<Object>(changed.held);
  const Value wanted = parsed(*changes);
  for (std::size_t i = 0; i < wanted.object()->names.size(); ++i) {
    if (wanted.object()->values[i].is_null())
      take(object, wanted.object()->names[i]);
    else
      set(object, wanted.object()->names[i], wanted.object()->values[i]);
  }
  JsonText text{""};
  json::append(text.text, changed);
  return checked_details(text, limits);
}

Value completed_spec(Value spec, const ModelState& model, const FilesetState& fileset) {
  if (!spec.object()) return spec;
  auto& members = std::get<Object>(spec.held);
  const Value files = parsed(fileset.details), said = parsed(model.details), before = parsed(model.spec);
  const Value* tool_calling = at(&files, {"metadata", "model", "tool_calling"});
  set(members, "is_embedding_model", Value{is_embedding(model, files, at(&spec, {"pooling"}))});

  const Value* chat = set_at(tool_calling, {"chat_template"});
  for (const Value* other : {set_at(&before, {"chat_template"}), set_at(&said, {"spec", "chat_template"})})
    if (!chat) chat = other;
  if (chat) set(members, "chat_template", *chat);

  auto calls = tool_calls(tool_calling);
  for (const Value* other : {set_at(&before, {"tool_call_config"}), set_at(&said, {"spec", "tool_call_config"})})
    if (!calls && other) calls = *other;
  if (calls) set(members, "tool_call_config", std::move(*calls));
  return spec;
}

}  // namespace luthier::events
