// Rows of conversations, as the contract has them.
#pragma once

#include <string>

#include "events/json/value.hpp"

namespace luthier::node {

// What is wrong with {"messages", "tools"?}; empty: nothing.
std::string problem_of_chat_row(const json::Value& row);

}  // namespace luthier::node
