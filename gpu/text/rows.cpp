#include "gpu/text/rows.hpp"

#include <algorithm>
#include <fstream>

#include "gpu/text/chat_renderer.hpp"
#include "gpu/text/jinja_json.hpp"
#include "gpu/text/lines.hpp"

namespace luthier::text {
namespace {

using jinja::DictRef;
using jinja::ListRef;
using jinja::Value;
constexpr std::size_t line_bytes_max = 16 << 20;
constexpr std::size_t chat_bytes_max = 64 << 20;  // over all beginnings of a conversation that are rendered to find its answers
constexpr TokenId no_loss = -100;
constexpr std::string_view members[] = {"prompt", "completion", "messages", "tools", "input_ids", "labels"};

// A row as it was read. The budget pays for what is made of it.
class Source {
 public:
  Source(const Value& row, jinja::Budget& budget) : row_(*std::get<DictRef>(row.held)), budget_(budget) {}

  const Value* find(std::string_view name) const { return row_.find(name); }
  std::string shown(const Value& value) const { return jinja::dump_json(value, {}, budget_).substr(0, 80); }

  Result<std::string> text(std::string_view name) const {
    const Value* member = find(name);
    if (member == nullptr) return invalid("\"" + std::string(name) + "\" is missing");
    if (!member->is_text()) return invalid("\"" + std::string(name) + "\" must be a string");
    return member->text();
  }

 private:
  const jinja::Dict& row_;
  jinja::Budget& budget_;
};

// A reader of rows: one tokenizer, one kind of row a file.
class Reader {
 public:
  Reader(const Tokenizer& tokenizer, const RowOptions& options) : tokenizer_(tokenizer), options_(options), chat_(tokenizer) {}

  Result<Row> read(const std::string& line) {
    auto budget = reading_budget();
    const auto json = jinja::parse_json(line, budget, members);
    if (!json) return json.error();
    if (!json->is<DictRef>()) return invalid("not a JSON object");
    try {
      return read(Source(*json, budget));
    } catch (const jinja::Failure& failure) {
      return invalid(failure.message);
    }
  }

 private:
  Result<Row> read(const Source& row) {
    const std::string kind = row.find("messages") ? "messages" : row.find("input_ids") ? "input_ids" : "prompt";
    if (!kind_.empty() && kind != kind_) return invalid("a row of kind \"" + kind + "\" in a file of \"" + kind_ + "\" rows");
    kind_ = kind;
    if (kind == "messages") return chat_row(row);
    if (kind == "input_ids") return token_row(row);
    return prompt_row(row);
  }

  Result<Row> prompt_row(const Source& row) const {
    const auto prompt = row.text("prompt");
    if (!prompt) return prompt.error();
    const auto completion = row.text("completion");
    if (!completion) return completion.error();
    auto ids = tokenizer_.encode(*prompt + " " + *completion, true);
    if (!ids) return ids.error();
    const auto before = tokenizer_.encode(*prompt + " ", false);
    if (!before) return before.error();
    if (options_.append_end_token)
      if (const auto end = tokenizer_.eos()) ids->push_back(*end);
    const auto skipped = std::min(ids->size(), before->size() + (tokenizer_.adds_bos() ? 1 : 0));
    Row made{*ids, *ids};
    std::fill_n(made.labels.begin(), skipped, no_loss);
    return made;
  }

  // How many tokens a conversation's beginning has; of an empty one, what the template puts in front of an answer.
  Result<std::size_t> length_of(const std::vector<Value>& messages, std::size_t count, const Value& tools, bool prompt, std::size_t& bytes) {
    const auto rendered = chat_.render({messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(count)}, tools, prompt);
    if (!rendered) return rendered.error();
    bytes += rendered->text.size() + count;
    if (bytes > chat_bytes_max) return Error{ErrorCode::limit, "the conversation is too long: its beginnings are more than 64 MiB of text", "messages"};
    const auto ids = tokenizer_.encode(rendered->text, false);
    if (!ids) return ids.error();
    return ids->size();
  }

  Result<Row> chat_row(const Source& row) {
    const auto* list = row.find("messages")->get<ListRef>();
    if (list == nullptr || (*list)->items.empty()) return invalid("\"messages\" must be a list that is not empty");
    const auto& messages = (*list)->items;
    const Value tools = row.find("tools") != nullptr ? *row.find("tools") : jinja::none();
    const auto rendered = chat_.render(messages, tools, false);
    if (!rendered) return rendered.error();
    const auto placed = tokenizer_.encode_placed(rendered->text, false);
    if (!placed) return placed.error();
    Row made;
    for (const auto& token : *placed) made.ids.push_back(token.id);
    made.labels.assign(made.ids.size(), no_loss);
    if (rendered->marks_generated) {
      learn_generated(*rendered, *placed, made);
      return made;
    }
    if (auto done = learn_answers(messages, tools, made); !done) return done.error();
    return made;
  }

  // Blocks and tokens both stand in order, so one walk finds which token lies in a block.
  static void learn_generated(const Rendered& rendered, const std::vector<PlacedToken>& placed, Row& row) {
    std::size_t block = 0;
    for (std::size_t i = 0; i < placed.size(); ++i) {
      while (block < rendered.generated.size() && rendered.generated[block].second <= placed[i].begin) ++block;
      if (block < rendered.generated.size() && placed[i].end > rendered.generated[block].first) row.labels[i] = row.ids[i];
    }
  }

  Result<void> learn_answers(const std::vector<Value>& messages, const Value& tools, Row& row) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const Value* role = std::get<DictRef>(messages[i].held)->find("role");
      if (role == nullptr || !role->is_text() || role->text() != "assistant") continue;
      const auto from = length_of(messages, i, tools, true, bytes);
      if (!from) return from.error();
      const auto to = length_of(messages, i + 1, tools, false, bytes);
      if (!to) return to.error();
      for (auto at = *from; at < std::min(*to, row.ids.size()); ++at) row.labels[at] = row.ids[at];
    }
    return {};
  }

  Result<std::vector<TokenId>> ids_of(const Source& row, const char* name, bool is_label) const {
    const auto vocabulary = options_.vocab_size > 0 ? options_.vocab_size : tokenizer_.vocab_size();
    const auto* list = row.find(name)->get<ListRef>();
    if (list == nullptr) return invalid(std::string("\"") + name + "\" must be a list of ids");
    std::vector<TokenId> ids;
    ids.reserve((*list)->items.size());
    for (const auto& item : (*list)->items) {
      const auto* id = item.get<std::int64_t>();
      const bool works = id != nullptr && ((*id >= 0 && *id < vocabulary) || (is_label && *id == no_loss));
      if (!works)
        return invalid(std::string("\"") + name + "\" has " + row.shown(item) + "; ids are whole numbers from 0 to " + std::to_string(vocabulary - 1));
      ids.push_back(static_cast<TokenId>(*id));
    }
    return ids;
  }

  Result<Row> token_row(const Source& row) const {
    auto ids = ids_of(row, "input_ids", false);
    if (!ids) return ids.error();
    if (row.find("labels") == nullptr) return Row{*ids, *ids};
    auto labels = ids_of(row, "labels", true);
    if (!labels) return labels.error();
    if (labels->size() != ids->size())
      return invalid("\"labels\" has " + std::to_string(labels->size()) + " members, \"input_ids\" " + std::to_string(ids->size()));
    return Row{std::move(*ids), std::move(*labels)};
  }

  const Tokenizer& tokenizer_;
  const RowOptions& options_;
  ChatRenderer chat_;
  std::string kind_;
};

void cut(Row& row, std::int64_t length) {
  if (length <= 0 || row.ids.size() <= static_cast<std::size_t>(length)) return;
  row.ids.resize(static_cast<std::size_t>(length));
  row.labels.resize(static_cast<std::size_t>(length));
}

// The first token is predicted by nothing, so its label never counts.
std::int64_t supervised(const Row& row) {
  if (row.labels.empty()) return 0;
  return std::count_if(row.labels.begin() + 1, row.labels.end(), [](TokenId label) { return label >= 0; });
}

void add(Dataset& data, Row row) {
  const auto counted = supervised(row);
  if (counted == 0) {
    ++data.rows_left_out;
    return;
  }
  data.tokens += static_cast<std::int64_t>(row.ids.size());
  data.supervised_tokens += counted;
  data.rows.push_back(std::move(row));
}

}  // namespace

Result<Dataset> read_rows(const std::filesystem::path& file, const Tokenizer& tokenizer, const RowOptions& options) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) return Error{ErrorCode::not_found, file.string() + " cannot be read", "data"};
  Reader reader(tokenizer, options);
  Dataset data;
  for (LineReader lines(in, line_bytes_max); lines.next();) {
    if (lines.line().find_first_not_of(" \t\r") == std::string::npos && !lines.is_too_long()) continue;
    const auto place = "row " + std::to_string(lines.number());
    if (options.is_cancelled && options.is_cancelled()) return Error{ErrorCode::cancelled, "the reading of " + file.string() + " was cancelled", {}};
    if (lines.is_too_long()) return invalid(file.string() + ": " + place + ": longer than 16 MiB", place);
    auto row = reader.read(lines.line());
    if (!row) return invalid(file.string() + ": " + place + ": " + row.error().message, place);
    ++data.rows_read;
    cut(*row, options.max_seq_length);
    add(data, std::move(*row));
  }
  return data;
}

}  // namespace luthier::text
