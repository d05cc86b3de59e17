// How what a runner says is merged: key by key, and a null stays a null. The fold of the world and that of the read models do the same.
#pragma once

#include "events/base/event_type.hpp"

namespace luthier::events {

// Both are objects, as decide has let them in. Members of the patch replace those of the target as a whole.
JsonText with_members(const JsonText& target, const JsonText& patch);

}  // namespace luthier::events
