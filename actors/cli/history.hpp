// Events of the log, as tables and as JSON lines.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "actors/cli/context.hpp"

namespace luthier::cli {

// Every event of an entity's history, from a position on.
int print_history(Context& context, const std::string& entity, const Name& name, std::int64_t from);

// One line for people: position, time, type, entity, and the short members of the data.
std::string event_row(const nlohmann::ordered_json& event);
void print_event(const Context& context, const nlohmann::ordered_json& event);

}  // namespace luthier::cli
