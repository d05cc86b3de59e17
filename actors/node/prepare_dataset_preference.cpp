#include "actors/node/prepare_dataset_preference.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace luthier::node {
namespace {

using json::Value;
using Names = std::vector<std::string_view>;

const Value* given(const Value& object, std::string_view name) {  // null is the same as absent
  const Value* member = object.find(name);
  return member && !member->is_null() ? member : nullptr;
}

// The name under which a row has its answer: two spellings are about.
std::string spelled(const Value& row, const std::string& name) {
  return !given(row, name) && given(row, name + "_response") ? name + "_response" : name;
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

bool is_from_assistant(const Value& message) {
  const Value* role = message.find("role");
  return role && role->text() && *role->text() == "assistant";
}

std::string problem_of_messages(const Value& value, const std::string& name, bool answers) {
  if (!value.array() || value.array()->empty()) return quoted(name) + " must be a list of messages that is not empty";
  for (std::size_t i = 0; i < value.array()->size(); ++i) {
    const Value& message = (*value.array())[i];
    const std::string place = name + "[" + std::to_string(i) + "]: ";
    if (!message.object()) return place + "must be an object";
    if (!message.find("role") || !message.find("role")->text()) return place + "needs a \"role\", a string";
    const Value *content = given(message, "content"), *calls = given(message, "tool_calls");
    if (content ? !content->text() : !calls) return place + "needs \"content\", a string";
  }
  if (answers && !is_from_assistant(value.array()->back())) return quoted(name) + " must end with a message of the role \"assistant\"";
  return "";
}

std::string problem_of_text_or_messages(const Value& row, const std::string& name, bool answers) {
  const Value* member = given(row, name);
  if (!member) return quoted(name) + " is missing";
  if (member->text()) return member->text()->empty() ? quoted(name) + " is empty" : "";
  return member->array() ? problem_of_messages(*member, name, answers) : quoted(name) + " must be a string or a list of messages";
}

std::string problem_of_ranked(const Value& row) {
  const Value *context = given(row, "context"), *completions = given(row, "completions");
  if (!context) return "\"context\" is missing";
  if (auto problem = problem_of_messages(*context, "context", false); !problem.empty()) return problem;
  if (!completions || !completions->array() || completions->array()->size() != 2)
    return "\"completions\" must be a list of two, the better one and the other";
  for (std::size_t i = 0; i < 2; ++i) {
    const Value& one = (*completions->array())[i];
    const std::string place = "completions[" + std::to_string(i) + "]";
    const Value *rank = given(one, "rank"), *completion = given(one, "completion");
    if (!rank || !std::holds_alternative<std::int64_t>(rank->held)) return place + ": needs a \"rank\", a whole number; 0 is the best";
    if (!completion) return place + ": needs a \"completion\", a list of messages";
    if (auto problem = problem_of_messages(*completion, place + ".completion", true); !problem.empty()) return problem;
  }
  return "";
}

std::string problem_of_scored(const Value& row) {
  for (const auto& [name, answers] : {std::pair("context", false), std::pair("response1", true), std::pair("response2", true)})
    if (auto problem = problem_of_text_or_messages(row, name, answers); !problem.empty()) return problem;
  const Value* score = given(row, "overall_preference");
  if (score && std::holds_alternative<std::int64_t>(score->held)) return "";
  return "\"overall_preference\" must be a whole number: below 0 the first response is the better one, above 0 the second";
}

std::string problem_of_answers(const Value& row, bool are_conversations) {
  if (!are_conversations)
    if (auto problem = problem_of_text_or_messages(row, "prompt", false); !problem.empty()) return problem;
  for (const auto* which : {"chosen", "rejected"}) {
    const std::string name = spelled(row, which);
    if (auto problem = problem_of_text_or_messages(row, name, true); !problem.empty()) return problem;
    if (are_conversations && !row.find(name)->array()) return quoted(name) + " must be a list of messages, as in the first row";
  }
  return "";
}

Names own_members(PreferenceForm form) {
  switch (form) {
    case PreferenceForm::ranked: return {"context", "completions"};
    case PreferenceForm::scored: return {"context", "response1", "response2", "overall_preference"};
    case PreferenceForm::conversations:
    case PreferenceForm::answers: return {"prompt", "chosen", "rejected", "chosen_response", "rejected_response"};
  }
  return {};
}

bool has(const Names& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

}  // namespace

std::optional<PreferenceForm> preference_form(const Value& row) {
  if (given(row, "context") && given(row, "completions")) return PreferenceForm::ranked;
  if (given(row, "overall_preference")) return PreferenceForm::scored;
  const Value *chosen = given(row, spelled(row, "chosen")), *rejected = given(row, spelled(row, "rejected"));
  if (!chosen || !rejected) return std::nullopt;
  if (!given(row, "prompt") && !chosen->array()) return std::nullopt;
  const bool begins = chosen->array() && !chosen->array()->empty() && chosen->array()->front().find("role");
  // A prompt of messages stands before the answers; one that is a text is only told beside whole conversations.
  const Value* prompt = given(row, "prompt");
  return begins && !(prompt && prompt->array()) ? PreferenceForm::conversations : PreferenceForm::answers;
}

std::string members_of(PreferenceForm form) {
  switch (form) {
    case PreferenceForm::ranked: return "context and completions";
    case PreferenceForm::scored: return "context, response1, response2 and overall_preference";
    case PreferenceForm::conversations: return "chosen and rejected, two conversations";
    case PreferenceForm::answers: return "prompt, chosen and rejected";
  }
  return "";
}

std::string problem_of_preference_row(const Value& row, PreferenceForm form) {
  switch (form) {
    case PreferenceForm::ranked: return problem_of_ranked(row);
    case PreferenceForm::scored: return problem_of_scored(row);
    case PreferenceForm::conversations: return problem_of_answers(row, true);
    case PreferenceForm::answers: return problem_of_answers(row, false);
  }
  return "";
}

std::optional<std::string> preference_alone(const Value& row, PreferenceForm form) {
  static const Names decisive{"prompt", "completion", "messages", "input_ids", "query", "chosen", "rejected", "chosen_response",
                              "rejected_response", "context", "completions", "response1", "response2", "overall_preference"};
  Names kept = own_members(form);
  const auto& members = *row.object();
  const auto disturbs = [&](const std::string& name) { return has(decisive, name) && !has(kept, name); };
  const bool is_alone = std::none_of(members.names.begin(), members.names.end(), disturbs);
  if (is_alone) return std::nullopt;
  kept.insert(kept.end(), {"tools", "chat_template_kwargs"});
  std::string line;
  for (std::size_t i = 0; i < members.names.size(); ++i) {
    if (!has(kept, members.names[i])) continue;
    json::append(line += line.empty() ? '{' : ',', std::string_view(members.names[i]));
    json::append(line += ':', members.values[i]);
  }
  return line + "}";
}

}  // namespace luthier::node
