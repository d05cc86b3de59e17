#include "actors/node/prepare_dataset_rows.hpp"

#include <algorithm>

#include "actors/node/prepare_dataset_chat.hpp"
#include "actors/node/prepare_dataset_preference.hpp"
#include "gpu/text/chat.hpp"
#include "gpu/text/rows.hpp"
#include "gpu/text/tokenizer.hpp"

#include <nlohmann/json.hpp>

namespace luthier::node {
namespace {

using json::Value;
using Converted = Result<std::optional<std::string>>;

bool has_text(const Value& row, std::string_view name) { return row.find(name) && row.find(name)->text(); }

bool is_list_of_texts(const Value* value) {
  return value && value->array() && std::all_of(value->array()->begin(), value->array()->end(), [](const Value& item) { return item.text() != nullptr; });
}

bool is_prompt_row(const Value& row) { return has_text(row, "prompt") && has_text(row, "completion"); }
bool is_embedding_row(const Value& row) { return has_text(row, "query") && has_text(row, "pos_doc") && is_list_of_texts(row.find("neg_doc")); }

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

bool begins_a_chat(const Value& row) {
  const Value* messages = row.find("messages");
  return messages && messages->array() && !messages->array()->empty() && messages->array()->front().find("role");
}

std::string names_of(const Value& row) {
  if (!row.object() || row.object()->names.empty()) return "none";
  std::string names;
  for (const auto& name : row.object()->names) names += (names.empty() ? "\"" : ", \"") + name.substr(0, 64) + "\"";
  return names.substr(0, 500);
}

Result<void> fits_one_only(const Value& row, std::string_view format) {
  std::string also;
  if (format != "prompt/completion" && is_prompt_row(row)) also = "prompt/completion";
  if (format != "chat" && begins_a_chat(row) && problem_of_chat_row(row).empty()) also = "chat";
  if (format != "embedding" && is_embedding_row(row)) also = "embedding";
  if (also.empty()) return {};
  return invalid("fits both " + std::string(format) + " and " + also + ": leave the members of one of them out");
}

std::string prompt_row(const std::string& prompt, const std::string& completion) {
  std::string line = "{\"prompt\":";
  json::append(line, std::string_view(prompt));
  line += ",\"completion\":";
  json::append(line, std::string_view(completion));
  return line + "}";
}

// Two members that are text: a question and its answer.
class PairFormat final : public RowFormat {
 public:
  PairFormat(std::string question, std::string answer) : question_(std::move(question)), answer_(std::move(answer)) {
    if (!keeps_lines()) name_ = "\"" + question_ + "\" and \"" + answer_ + "\"";
  }
  static std::unique_ptr<PairFormat> guessed(std::string question, std::string answer) {
    auto format = std::make_unique<PairFormat>(std::move(question), std::move(answer));
    format->warning_ = "the rows have neither prompt and completion nor messages: " + format->name_ + " are taken as question and answer";
    return format;
  }

  Converted convert(const Value& row) const override {
    for (const auto& name : {question_, answer_}) {
      const Value* member = row.find(name);
      if (!member) return invalid("\"" + name + "\" is missing");
      if (!member->text()) return invalid("\"" + name + "\" must be a string");
    }
    const auto& question = *row.find(question_)->text();
    if (question.empty()) return invalid("\"" + question_ + "\" is empty");
    if (keeps_lines()) {
      if (auto ok = fits_one_only(row, name_); !ok) return ok.error();
      return std::optional<std::string>();
    }
    return std::optional(prompt_row(question, *row.find(answer_)->text()));
  }

 private:
  // The engine reads the rows as they are.
  bool keeps_lines() const { return question_ == "prompt" && answer_ == "completion"; }

  const std::string question_, answer_;
  std::string name_ = "prompt/completion";
};

class ChatFormat final : public RowFormat {
 public:
  Converted convert(const Value& row) const override {
    if (const auto problem = problem_of_chat_row(row); !problem.empty()) return invalid(problem);
    if (auto ok = fits_one_only(row, "chat"); !ok) return ok.error();
    return std::optional<std::string>();
  }
};

// Two answers to one context, in the form of the first row.
class PreferenceFormat final : public RowFormat {
 public:
  explicit PreferenceFormat(PreferenceForm form) : form_(form) {}
  Converted convert(const Value& row) const override {
    if (const auto form = preference_form(row); form && *form != form_)
      return invalid("the row has " + members_of(*form) + ", and the first row has " + members_of(form_) + ": all rows must be of one form");
    if (const auto problem = problem_of_preference_row(row, form_); !problem.empty()) return invalid(problem);
    return preference_alone(row, form_);
  }

 private:
  const PreferenceForm form_;
};

// A query, a text that answers it and texts that do not.
class EmbeddingFormat final : public RowFormat {
 public:
  Converted convert(const Value& row) const override {
    for (const auto* name : {"query", "pos_doc"}) {
      if (!row.find(name)) return invalid("\"" + std::string(name) + "\" is missing");
      if (!has_text(row, name)) return invalid("\"" + std::string(name) + "\" must be a string");
      if (is_blank(*row.find(name)->text())) return invalid("\"" + std::string(name) + "\" is empty");
    }
    if (!is_list_of_texts(row.find("neg_doc"))) return invalid("\"neg_doc\" must be a list of strings");
    const auto& others = *row.find("neg_doc")->array();
    if (others.empty()) return invalid("\"neg_doc\" has no text, and so nothing that the positive could be told from");
    for (const Value& other : others)
      if (is_blank(*other.text())) return invalid("\"neg_doc\" has an empty text");
    if (auto ok = fits_one_only(row, "embedding"); !ok) return ok.error();
    return std::optional<std::string>();
  }
};

// The engine's own: ids, and labels where there are any. It checks them itself.
class TokenFormat final : public RowFormat {
 public:
  Converted convert(const Value& row) const override {
    if (!row.find("input_ids") || !row.find("input_ids")->array()) return invalid("\"input_ids\" must be a list of ids");
    return std::optional<std::string>();
  }
};

// All tokens of one text take loss.
class TextFormat final : public RowFormat {
 public:
  TextFormat(const RowSettings& settings, text::Tokenizer tokenizer)
      : field_(settings.text_field), renders_(settings.apply_chat_template), tokenizer_(std::move(tokenizer)) {}

  Converted convert(const Value& row) const override {
    auto text = renders_ ? rendered(row) : plain(row);
    if (!text) return text.error();
    const auto ids = tokenizer_.encode(*text, !renders_);  // a template writes its special tokens itself
    if (!ids) return ids.error();
    std::string line = "{\"input_ids\":[";
    for (std::size_t i = 0; i < ids->size(); ++i) line += (i > 0 ? "," : "") + std::to_string((*ids)[i]);
    return std::optional(line + "]}");
  }

 private:
  Result<std::string> plain(const Value& row) const {
    if (has_text(row, field_)) return *row.find(field_)->text();
    return invalid("\"" + field_ + "\", which the job trains on, " + (row.find(field_) ? "must be a string" : "is missing; there are " + names_of(row)));
  }

  Result<std::string> rendered(const Value& row) const {
    if (const auto problem = problem_of_chat_row(row); !problem.empty()) return invalid(problem);
    std::string request;
    json::append(request, row);
    auto variables = nlohmann::ordered_json::parse(request, nullptr, false);
    if (!variables.is_object()) return invalid("the row cannot be rendered");
    variables.erase("chat_template");  // a row is data, and chooses no template
    auto text = text::render_chat(tokenizer_, variables);
    if (!text) return text.error();
    return std::move(text->text);
  }

  const std::string field_;
  const bool renders_;
  const text::Tokenizer tokenizer_;
};

std::vector<std::string> text_members(const Value& row) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < row.object()->names.size(); ++i)
    if (row.object()->values[i].text()) names.push_back(row.object()->names[i]);
  return names;
}

using Detected = Result<std::unique_ptr<RowFormat>>;

Detected templated(const Value& row, const std::string& prompt_template) {
  const auto names = text::members_of_template(prompt_template);
  if (!names) return names.error();
  for (const auto& name : {names->first, names->second})
    if (!row.find(name)) return invalid("\"" + name + "\" of the prompt_template is missing; there are " + names_of(row));
  return std::unique_ptr<RowFormat>(std::make_unique<PairFormat>(names->first, names->second));
}

// What the rows are instead of what the job trains on.
std::string told_of(const Value& row) {
  if (begins_a_chat(row)) return "these rows are conversations (messages)";
  if (is_prompt_row(row)) return "these rows are prompts and completions";
  if (is_embedding_row(row)) return "these rows are for embedding models (query, pos_doc, neg_doc)";
  if (const auto form = preference_form(row)) return "these rows are preferences (" + members_of(*form) + ")";
  return "the format is not known: its members are " + names_of(row);
}

Detected preferences(const Value& row) {
  if (const auto form = preference_form(row)) return std::unique_ptr<RowFormat>(std::make_unique<PreferenceFormat>(*form));
  return invalid(told_of(row) + ", and a job of the type dpo needs preferences: prompt, chosen and rejected; chosen and rejected as two "
                 "conversations; context and completions; or context, response1, response2 and overall_preference. The type sft trains on "
                 "prompt and completion, or messages");
}

Detected embeddings(const Value& row) {
  if (row.find("query") && row.find("pos_doc") && row.find("neg_doc")) return std::unique_ptr<RowFormat>(std::make_unique<EmbeddingFormat>());
  return invalid(told_of(row) + ", and the model is an embedding model, which is trained on query, pos_doc and neg_doc (a list of texts)");
}

Error preference_in_text(PreferenceForm form) {
  return invalid("these rows are preferences (" + members_of(form) +
                 "), on which a job of the classic form with training.type dpo trains; the type sft needs prompt and completion, or messages" +
                 (form == PreferenceForm::answers ? ": call chosen completion to learn the chosen answers alone" : ""));
}

}  // namespace

Detected detect_format(const Value& row, const RowSettings& settings, const text::Tokenizer* tokenizer) {
  if (!row.object()) return invalid("not a JSON object");
  if (settings.use == RowUse::preferences) return preferences(row);
  if (settings.use == RowUse::embeddings) return embeddings(row);
  if (!settings.text_field.empty()) return std::unique_ptr<RowFormat>(std::make_unique<TextFormat>(settings, *tokenizer));
  if (begins_a_chat(row)) return std::unique_ptr<RowFormat>(std::make_unique<ChatFormat>());
  if (is_embedding_row(row))
    return invalid("these rows are for embedding models (query, pos_doc, neg_doc), and the model is none; it is trained on prompt and "
                   "completion, or messages");
  if (!settings.prompt_template.empty()) return templated(row, settings.prompt_template);
  if (row.find("prompt") && row.find("completion")) return std::unique_ptr<RowFormat>(std::make_unique<PairFormat>("prompt", "completion"));
  if (row.find("input_ids")) return std::unique_ptr<RowFormat>(std::make_unique<TokenFormat>());
  if (const auto form = preference_form(row)) return preference_in_text(*form);
  if (const auto texts = text_members(row); texts.size() >= 2) return std::unique_ptr<RowFormat>(PairFormat::guessed(texts[0], texts[1]));
  return invalid("the format is not known: its members are " + names_of(row) +
                 "; prompt and completion, or messages, or two members that are strings would work");
}

}  // namespace luthier::node
