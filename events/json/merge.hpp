// JSON merge patch (RFC 7396): members of the patch replace those of the target, null removes, objects are merged inside.
#pragma once

#include "events/json/value.hpp"

namespace luthier::json {

// Both must be objects or null (which counts as {}). The result is canonical; nulls in it are gone. Errors: what is no JSON, or beyond
// the bounds.
Result<JsonText> merge_patch(const JsonText& target, const JsonText& patch, const Bounds& bounds = {});

}  // namespace luthier::json
