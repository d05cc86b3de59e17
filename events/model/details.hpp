// What a model's users keep with it, and what of it goes into its spec.
#pragma once

#include "events/json/value.hpp"
#include "events/world/rules.hpp"

namespace luthier::events {

// The details with some members replaced as a whole (a merge patch would merge objects and lose their nulls); null takes a member away.
Result<JsonText> with_members(const JsonText& details, const std::optional<JsonText>& members, const Limits& limits);

// The reading of a checkpoint together with what only the entities know: whether it is an embedding model (by its pooling or by
// the names it goes under), and the chat template and tool calling of the fileset's metadata, else of the spec before.
json::Value completed_spec(json::Value spec, const ModelState& model, const FilesetState& fileset);

}  // namespace luthier::events
