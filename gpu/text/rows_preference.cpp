#include "gpu/text/rows_preference.hpp"

#include <algorithm>

#include "gpu/text/rows_chat.hpp"

namespace luthier::text {
namespace {

using jinja::DictRef;
using jinja::ListRef;
using jinja::Value;
using Messages = std::vector<Value>;
using Found = Result<AnyPreference>;

Value message(const char* role, const Value& content, jinja::Budget& budget) {
  jinja::DictMaker made(budget);
  made.set("role", jinja::text(budget, role));
  made.set("content", content);
  return made.take();
}

// The name under which a row has its answer: two spellings are about.
std::string named(const RowMembers& row, const std::string& name) { return !row.has(name) && row.has(name + "_response") ? name + "_response" : name; }

// Texts become one message of that role; messages stay.
Result<Messages> messages_of(const RowMembers& row, const std::string& name, const char* role) {
  const Value* member = row.find(name);
  if (member == nullptr) return wrong_member(name, "is missing");
  if (member->is_text()) return Messages{message(role, *member, row.budget())};
  if (member->is<ListRef>()) return row.messages(name);
  return wrong_member(name, "must be a string or a list of messages");
}

Result<Messages> answer_of(const RowMembers& row, const std::string& name) {
  auto answer = messages_of(row, name, "assistant");
  if (answer && !is_from_assistant(answer->back())) return wrong_member(name, "must end with a message of the assistant");
  return answer;
}

bool begins_with(const Messages& all, const Messages& beginning, jinja::Budget& budget) {
  return all.size() > beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), all.begin(), [&](const Value& a, const Value& b) { return jinja::equal(a, b, budget); });
}

// Two whole conversations: how far they are the same is the context.
Found parted(Messages chosen, Messages rejected, jinja::Budget& budget) {
  std::size_t same = 0;
  while (same < std::min(chosen.size(), rejected.size()) && jinja::equal(chosen[same], rejected[same], budget)) ++same;
  if (same == chosen.size() && same == rejected.size()) return wrong_member("chosen", "and \"rejected\" are the same");
  if (same == chosen.size() || same == rejected.size())
    return wrong_member(same == chosen.size() ? "chosen" : "rejected", "is only the beginning of the other conversation");
  const auto split = [&](Messages& all) { return Messages(all.begin() + static_cast<std::ptrdiff_t>(same), all.end()); };
  Preference pair{{}, split(chosen), split(rejected)};
  chosen.resize(same);
  pair.context = std::move(chosen);
  return AnyPreference(std::move(pair));
}

Found by_answers(const RowMembers& row, bool has_template) {
  const std::string good = named(row, "chosen"), bad = named(row, "rejected");
  const Value *prompt = row.find("prompt"), *first = row.find(good);
  if (prompt != nullptr && prompt->is_text() && first != nullptr && first->is_text() && !has_template) {
    const auto chosen = row.text(good), rejected = row.text(bad);
    if (!chosen) return chosen.error();
    if (!rejected) return rejected.error();
    return AnyPreference(PlainPreference{prompt->text(), *chosen, *rejected});
  }
  auto chosen = answer_of(row, good), rejected = answer_of(row, bad);
  if (!chosen) return chosen.error();
  if (!rejected) return rejected.error();
  if (first->is_text() != row.find(bad)->is_text()) return wrong_member(bad, "must be of the same kind as \"" + good + "\": both strings, or both lists of messages");
  if (!first->is_text() && (prompt == nullptr || !prompt->is<ListRef>())) return parted(std::move(*chosen), std::move(*rejected), row.budget());
  auto context = messages_of(row, "prompt", "user");
  if (!context) return context.error();
  if (begins_with(*chosen, *context, row.budget()) && begins_with(*rejected, *context, row.budget()))
    return parted(std::move(*chosen), std::move(*rejected), row.budget());
  return AnyPreference(Preference{std::move(*context), std::move(*chosen), std::move(*rejected)});
}

struct Ranked {
  std::int64_t rank = 0;
  Messages answer;
};

Result<Ranked> ranked(const Value& value, std::size_t number) {
  const auto place = "has a completion " + std::to_string(number);
  const auto* dict = value.get<DictRef>();
  const Value *rank = dict ? (*dict)->find("rank") : nullptr, *completion = dict ? (*dict)->find("completion") : nullptr;
  if (rank == nullptr || rank->get<std::int64_t>() == nullptr) return wrong_member("completions", place + " without a \"rank\", a whole number (0 is the best)");
  if (completion == nullptr) return wrong_member("completions", place + " without a \"completion\", a list of messages");
  auto answer = RowMembers::messages("completion", *completion);
  if (!answer) return answer.error();
  if (!is_from_assistant(answer->back())) return wrong_member("completions", place + " that does not end with a message of the assistant");
  return Ranked{*rank->get<std::int64_t>(), std::move(*answer)};
}

Found by_rank(const RowMembers& row) {
  auto context = row.messages("context");
  if (!context) return context.error();
  const auto* list = row.find("completions")->get<ListRef>();
  if (list == nullptr || (*list)->items.size() != 2) return wrong_member("completions", "must be a list of two completions, the chosen and the rejected one");
  auto first = ranked((*list)->items[0], 1), second = ranked((*list)->items[1], 2);
  if (!first) return first.error();
  if (!second) return second.error();
  if (first->rank == second->rank) return AnyPreference(Tie{});
  if (first->rank > second->rank) std::swap(*first, *second);
  return AnyPreference(Preference{std::move(*context), std::move(first->answer), std::move(second->answer)});
}

Found by_score(const RowMembers& row) {
  const auto* score = row.find("overall_preference")->get<std::int64_t>();
  if (score == nullptr) return wrong_member("overall_preference", "must be a whole number: below 0 the first response is the better one, above 0 the second");
  auto context = messages_of(row, "context", "user");
  if (!context) return context.error();
  auto first = answer_of(row, "response1"), second = answer_of(row, "response2");
  if (!first) return first.error();
  if (!second) return second.error();
  if (*score == 0) return AnyPreference(Tie{});
  if (*score > 0) std::swap(*first, *second);
  return AnyPreference(Preference{std::move(*context), std::move(*first), std::move(*second)});
}

}  // namespace

bool is_preference(const RowMembers& row) {
  for (const char* name : {"completions", "overall_preference", "chosen", "rejected", "chosen_response", "rejected_response"})
    if (row.has(name)) return true;
  return false;
}

Found preference_of(const RowMembers& row, bool has_template) {
  if (row.has("completions")) return by_rank(row);
  if (row.has("overall_preference")) return by_score(row);
  return by_answers(row, has_template);
}

}  // namespace luthier::text
