// Rows of preferences, as the contract has them: one context and two answers, in one of four forms.
#pragma once

#include <optional>
#include <string>

#include "events/base/result.hpp"
#include "events/json/value.hpp"

namespace luthier::node {

enum class PreferenceForm {
  ranked,         // "context", "completions": [{"rank", "completion"}, …]
  scored,         // "context", "response1", "response2", "overall_preference"
  conversations,  // "chosen", "rejected": two whole conversations
  answers,        // "prompt", "chosen", "rejected"
};  // "chosen_response" and "rejected_response" are other names for the last two

// Which form this row has; nullopt: it is no preference.
std::optional<PreferenceForm> preference_form(const json::Value& row);

// What such a row must have, for a message.
std::string members_of(PreferenceForm form);

// What is wrong with a row of this form; empty: nothing.
std::string problem_of_preference_row(const json::Value& row, PreferenceForm form);

// The row with nothing but what its form and its template read, where it has a member that would make it a row of another kind for the
// engine; nullopt: it has none.
std::optional<std::string> preference_alone(const json::Value& row, PreferenceForm form);

}  // namespace luthier::node
