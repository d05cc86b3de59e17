// Receipts on the wire: {"id","status":"accepted","position","version","events","hash"} or {"id","status":"refused","error"}.
#pragma once

#include <string>

#include "events/base/result.hpp"
#include "events/log/event_log.hpp"

namespace luthier::core {

std::string receipt_json(const log::Receipt& receipt);
std::string refusal_json(const std::string& command_id, const Error& error);
std::string error_json(const Error& error);  // {"error":{"code","field","message"}}, for queries

}  // namespace luthier::core
