// Preference rows in all their forms, to one context and two answers. Internal to the readers of rows.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/rows_members.hpp"

namespace luthier::text {

// What stands before both answers, and the answers.
struct Preference {
  std::vector<jinja::Value> context, chosen, rejected;  // messages
};
// A prompt and two answers that no template knows of.
struct PlainPreference {
  std::string prompt, chosen, rejected;
};
struct Tie {};  // neither answer is the better one
using AnyPreference = std::variant<Preference, PlainPreference, Tie>;

bool is_preference(const RowMembers& row);
// `has_template`: a prompt that is a text becomes a user's message.
Result<AnyPreference> preference_of(const RowMembers& row, bool has_template);

}  // namespace luthier::text
