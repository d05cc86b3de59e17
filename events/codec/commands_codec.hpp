// What the envelope needs of the commands' table.
#pragma once

#include <optional>
#include <string_view>

#include "events/base/result.hpp"
#include "events/json/value.hpp"
#include "events/world/catalogue.hpp"

namespace luthier::events {

Result<Command> read_command(std::string_view type, const json::Value& data);
std::optional<Sender> sender_of_command(std::string_view type);  // nullopt: no such command

}  // namespace luthier::events
