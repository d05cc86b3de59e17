#include "gpu/text/rows.hpp"

#include <algorithm>
#include <tuple>

#include "gpu/text/rows_chat.hpp"
#include "gpu/text/rows_members.hpp"
#include "gpu/text/rows_preference.hpp"
#include "gpu/text/text_cut.hpp"

namespace luthier::text {
namespace {

using jinja::DictRef;
using jinja::ListRef;
using jinja::Value;
constexpr std::size_t documents_max = 1000;  // of one embedding row

Result<std::vector<TokenId>> ids_of(const RowMembers& row, const char* name, std::int64_t vocabulary, bool is_label) {
  const auto* list = row.find(name)->get<ListRef>();
  if (list == nullptr) return wrong_member(name, "must be a list of ids");
  std::vector<TokenId> ids;
  ids.reserve((*list)->items.size());
  for (const auto& item : (*list)->items) {
    const auto* id = item.get<std::int64_t>();
    const bool works = id != nullptr && ((*id >= 0 && *id < vocabulary) || (is_label && *id == no_loss));
    if (!works) return wrong_member(name, "has " + row.shown(item) + "; ids are whole numbers from 0 to " + std::to_string(vocabulary - 1));
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

// What a row gives to the template; the rest of a request is the reader's to say.
Result<Value> variables_of(const RowMembers& row) {
  const Value* given = row.find("chat_template_kwargs");
  if (given == nullptr || given->is_none()) return jinja::none();
  const auto* variables = given->get<DictRef>();
  if (variables == nullptr) return wrong_member("chat_template_kwargs", "must be an object of the template's variables");
  for (const char* name : {"messages", "tools", "add_generation_prompt", "chat_template"})
    if ((*variables)->find(name) != nullptr) return wrong_member("chat_template_kwargs", "must not have \"" + std::string(name) + "\"");
  return *given;
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

Result<std::vector<std::string>> documents_of(const RowMembers& row) {
  const Value* member = row.find("neg_doc");
  if (member == nullptr) return wrong_member("neg_doc", "is missing");
  const auto* list = member->get<ListRef>();
  if (list == nullptr) return wrong_member("neg_doc", "must be a list of strings");
  if ((*list)->items.size() > documents_max) return wrong_member("neg_doc", "has more than " + std::to_string(documents_max) + " documents");
  std::vector<std::string> documents;
  for (const auto& item : (*list)->items) {
    if (!item.is_text()) return wrong_member("neg_doc", "must be a list of strings, and has " + row.shown(item));
    if (is_blank(item.text())) return wrong_member("neg_doc", "has an empty text");
    documents.push_back(item.text());
  }
  return documents;
}

void cut(Row& row, std::int64_t length) {
  if (length <= 0 || row.ids.size() <= static_cast<std::size_t>(length)) return;
  row.ids.resize(static_cast<std::size_t>(length));
  row.labels.resize(static_cast<std::size_t>(length));
}

std::int64_t supervised_of(const Row& row) {
  if (row.labels.empty()) return 0;
  return std::count_if(row.labels.begin() + 1, row.labels.end(), [](TokenId label) { return label >= 0; });
}

Result<std::vector<Row>> alone(Result<Row> row) {
  if (!row) return row.error();
  std::vector<Row> parts;
  parts.push_back(std::move(*row));
  return parts;
}

}  // namespace

const char* to_string(RowKind kind) {
  switch (kind) {
    case RowKind::text: return "prompt";
    case RowKind::chat: return "messages";
    case RowKind::tokens: return "input_ids";
    case RowKind::preference: return "preference";
    case RowKind::embedding: return "embedding";
  }
  return "";
}

std::int64_t Example::tokens() const {
  std::int64_t tokens = 0;
  for (const Row& part : parts) tokens += static_cast<std::int64_t>(part.ids.size());
  return tokens;
}

std::int64_t Example::supervised() const {
  if (kind == RowKind::embedding) return parts.size() >= 2 && !parts[0].ids.empty() && !parts[1].ids.empty();
  std::int64_t supervised = 0;
  for (const Row& part : parts) {
    const auto here = supervised_of(part);
    if (here == 0) return 0;
    supervised += here;
  }
  return supervised;
}

Result<std::pair<std::string, std::string>> members_of_template(const std::string& prompt_template) {
  std::vector<std::string> names;
  for (std::size_t open = prompt_template.find('{'); open != std::string::npos; open = prompt_template.find('{', open + 1)) {
    const auto close = prompt_template.find('}', open);
    if (close == std::string::npos) break;
    names.push_back(prompt_template.substr(open + 1, close - open - 1));
  }
  if (names.size() != 2 || names[0].empty() || names[1].empty() || names[0] == names[1])
    return invalid("prompt_template must have exactly two {placeholders}, that of the question first, as in \"{question} {answer}\"; it has " +
                       std::to_string(names.size()), "prompt_template");
  return std::pair{names[0], names[1]};
}

RowReader::RowReader(Tokenizer tokenizer, RowOptions options) : tokenizer_(std::move(tokenizer)), options_(std::move(options)), chat_(tokenizer_), tail_(tokens_added_at_end(tokenizer_)) {
  if (options_.prompt_template.empty()) return;
  const auto names = members_of_template(options_.prompt_template);
  if (names)
    std::tie(question_, answer_) = *names;
  else
    fault_ = names.error();
}

Result<Example> RowReader::read(std::string_view line) {
  if (fault_) return *fault_;
  const std::string_view members[] = {"prompt", "completion", "messages", "tools", "chat_template_kwargs", "input_ids", "labels", "query", "pos_doc", "neg_doc",
                                      "chosen", "rejected", "chosen_response", "rejected_response", "context", "completions", "response1", "response2",
                                      "overall_preference", question_, answer_};
  auto budget = reading_budget();
  const auto json = jinja::parse_json(line, budget, members);
  if (!json) return json.error();
  if (!json->is<DictRef>()) return invalid("not a JSON object");
  try {
    return read(RowMembers(*json, budget));
  } catch (const jinja::Failure& failure) {
    return invalid(failure.message);
  }
}

RowKind RowReader::kind_of(const RowMembers& row) const {
  if (row.has("messages")) return RowKind::chat;
  if (row.has("input_ids")) return RowKind::tokens;
  if (row.has("query") && (row.has("pos_doc") || row.has("neg_doc"))) return RowKind::embedding;
  if (row.has(answer_) || !is_preference(row)) return RowKind::text;
  return RowKind::preference;
}

Result<Example> RowReader::read(const RowMembers& row) {
  const RowKind kind = kind_of(row);
  if (kind_ && kind != *kind_)
    return invalid("a row of kind \"" + std::string(to_string(kind)) + "\" in a file of \"" + to_string(*kind_) + "\" rows");
  kind_ = kind;
  auto parts = parts_of(row);
  if (!parts) return parts.error();
  Example example{kind, std::move(*parts), 0};
  example.tokens_uncut = example.tokens();
  cut_to_length(example);
  return example;
}

void RowReader::cut_to_length(Example& example) const {
  for (std::size_t i = 0; i < example.parts.size(); ++i) {
    Row& part = example.parts[i];
    if (example.kind != RowKind::embedding) {
      cut(part, options_.max_seq_length);
      continue;
    }
    cut_text(part.ids, i == 0 && options_.query_length_max > 0 ? options_.query_length_max : options_.max_seq_length, tail_);
    part.labels.resize(part.ids.size());
  }
}

Result<std::vector<Row>> RowReader::parts_of(const RowMembers& row) {
  switch (*kind_) {
    case RowKind::text: return alone(text_row(row));
    case RowKind::chat: return alone(chat_row(row));
    case RowKind::tokens: return alone(token_row(row));
    case RowKind::preference: return preference_row(row);
    case RowKind::embedding: return embedding_row(row);
  }
  return invalid("a row of no kind");
}

Result<Row> RowReader::text_row(const RowMembers& row) const {
  const auto prompt = row.text(question_);
  if (!prompt) return prompt.error();
  const auto completion = row.text(answer_);
  if (!completion) return completion.error();
  return completed(*prompt, *completion);
}

Result<Row> RowReader::completed(const std::string& prompt, const std::string& completion) const {
  auto ids = tokenizer_.encode(prompt + " " + completion, true);
  if (!ids) return ids.error();
  const auto before = tokenizer_.encode(prompt + " ", false);
  if (!before) return before.error();
  if (options_.append_end_token)
    if (const auto end = tokenizer_.eos()) ids->push_back(*end);
  const auto skipped = std::min(ids->size(), before->size() + (tokenizer_.adds_bos() ? 1 : 0));
  Row made{*ids, *ids};
  std::fill_n(made.labels.begin(), skipped, no_loss);
  return made;
}

Result<Row> RowReader::chat_row(const RowMembers& row) {
  const auto* list = row.find("messages")->get<ListRef>();
  if (list == nullptr || (*list)->items.empty()) return wrong_member("messages", "must be a list that is not empty");
  const auto variables = variables_of(row);
  if (!variables) return variables.error();
  return labelled(chat_, tokenizer_, {(*list)->items, row.has("tools") ? *row.find("tools") : jinja::none(), *variables});
}

Result<Row> RowReader::token_row(const RowMembers& row) const {
  const auto vocabulary = options_.vocab_size > 0 ? options_.vocab_size : tokenizer_.vocab_size();
  auto ids = ids_of(row, "input_ids", vocabulary, false);
  if (!ids) return ids.error();
  if (!row.has("labels")) return Row{*ids, *ids};
  auto labels = ids_of(row, "labels", vocabulary, true);
  if (!labels) return labels.error();
  if (labels->size() != ids->size())
    return wrong_member("labels", "has " + std::to_string(labels->size()) + " members, \"input_ids\" " + std::to_string(ids->size()));
  return Row{std::move(*ids), std::move(*labels)};
}

Result<std::vector<Row>> RowReader::preference_row(const RowMembers& row) {
  auto found = preference_of(row, !tokenizer_.chat_template().empty());
  if (!found) return found.error();
  if (std::holds_alternative<Tie>(*found)) return std::vector<Row>();
  std::vector<Row> parts;
  if (const auto* plain = std::get_if<PlainPreference>(&*found)) {
    for (const std::string* answer : {&plain->chosen, &plain->rejected}) {
      auto part = completed(plain->prompt, *answer);
      if (!part) return part.error();
      parts.push_back(std::move(*part));
    }
    return parts;
  }
  const auto variables = variables_of(row);
  if (!variables) return variables.error();
  auto& pair = std::get<Preference>(*found);
  for (const auto* answer : {&pair.chosen, &pair.rejected}) {
    auto messages = pair.context;
    messages.insert(messages.end(), answer->begin(), answer->end());
    auto part = labelled(chat_, tokenizer_, {messages, row.has("tools") ? *row.find("tools") : jinja::none(), *variables}, pair.context.size());
    if (!part) return part.error();
    parts.push_back(std::move(*part));
  }
  return parts;
}

Result<std::vector<Row>> RowReader::embedding_row(const RowMembers& row) const {
  const auto query = row.text("query");
  if (!query) return query.error();
  const auto positive = row.text("pos_doc");
  if (!positive) return positive.error();
  auto texts = documents_of(row);
  if (!texts) return texts.error();
  if (is_blank(*query)) return wrong_member("query", "is an empty text");
  if (is_blank(*positive)) return wrong_member("pos_doc", "is an empty text");
  if (options_.negatives_needed && (texts->empty() || options_.negatives_max == 0))
    return wrong_member("neg_doc", "has no text, and there is nothing else to tell the positive from (in_batch_negatives with a batch_size above 1)");
  if (options_.negatives_max >= 0 && static_cast<std::int64_t>(texts->size()) > options_.negatives_max) texts->resize(static_cast<std::size_t>(options_.negatives_max));
  texts->insert(texts->begin(), {*query, *positive});
  std::vector<Row> parts;
  for (std::size_t i = 0; i < texts->size(); ++i) {
    auto ids = tokenizer_.encode((i == 0 ? options_.query_prefix : options_.passage_prefix) + (*texts)[i], true);
    if (!ids) return ids.error();
    Row part{std::move(*ids), {}};
    part.labels.assign(part.ids.size(), no_loss);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace luthier::text
