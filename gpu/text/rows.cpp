#include "gpu/text/rows.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/text/chat.hpp"

namespace luthier::text {
namespace {

using nlohmann::ordered_json;
constexpr std::size_t line_bytes_max = 16 << 20;
constexpr TokenId no_loss = -100;

// A reader of rows: one tokenizer, one kind of row a file.
class Reader {
 public:
  Reader(const Tokenizer& tokenizer, const RowOptions& options) : tokenizer_(tokenizer), options_(options) {}

  Result<Row> read(const std::string& line) {
    const auto json = ordered_json::parse(line, nullptr, false);
    if (!json.is_object()) return invalid("not a JSON object");
    const std::string kind = json.contains("messages") ? "messages" : json.contains("input_ids") ? "input_ids" : "prompt";
    if (!kind_.empty() && kind != kind_) return invalid("a row of kind \"" + kind + "\" in a file of \"" + kind_ + "\" rows");
    kind_ = kind;
    if (kind == "messages") return chat_row(json);
    if (kind == "input_ids") return token_row(json);
    return prompt_row(json);
  }

 private:
  static Result<std::string> text(const ordered_json& row, const char* name) {
    const auto member = row.find(name);
    if (member == row.end()) return invalid(std::string("\"") + name + "\" is missing");
    if (!member->is_string()) return invalid(std::string("\"") + name + "\" must be a string");
    return member->get<std::string>();
  }

  Result<Row> prompt_row(const ordered_json& row) const {
    const auto prompt = text(row, "prompt");
    if (!prompt) return prompt.error();
    const auto completion = text(row, "completion");
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

  Result<std::size_t> length_of(const ordered_json& row, std::size_t messages, bool prompt) const {
    auto part = row;
    auto& list = part["messages"];
    list = ordered_json(ordered_json::array());
    for (std::size_t i = 0; i < messages; ++i) list.push_back(row["messages"][i]);
    part["add_generation_prompt"] = prompt;
    const auto rendered = render_chat(tokenizer_, part);
    if (!rendered) return rendered.error();
    const auto ids = tokenizer_.encode(rendered->text, false);
    if (!ids) return ids.error();
    return ids->size();
  }

  Result<Row> chat_row(const ordered_json& row) const {
    if (!row["messages"].is_array() || row["messages"].empty()) return invalid("\"messages\" must be a list that is not empty");
    ordered_json request{{"messages", row["messages"]}};
    if (row.contains("tools")) request["tools"] = row["tools"];
    request["add_generation_prompt"] = false;
    const auto rendered = render_chat(tokenizer_, request);
    if (!rendered) return rendered.error();
    const auto placed = tokenizer_.encode_placed(rendered->text, false);
    if (!placed) return placed.error();
    Row made;
    for (const auto& token : *placed) made.ids.push_back(token.id);
    made.labels.assign(made.ids.size(), no_loss);
    if (!rendered->generated.empty()) {
      for (std::size_t i = 0; i < placed->size(); ++i)
        for (const auto& [begin, end] : rendered->generated)
          if ((*placed)[i].begin < end && (*placed)[i].end > begin) made.labels[i] = made.ids[i];
      return made;
    }
    for (std::size_t i = 0; i < row["messages"].size(); ++i) {
      const auto& message = row["messages"][i];
      if (!message.is_object() || message.value("role", ordered_json()) != "assistant") continue;
      const auto from = length_of(request, i, true), to = length_of(request, i + 1, false);
      if (!from) return from.error();
      if (!to) return to.error();
      for (auto at = *from; at < std::min(*to, made.ids.size()); ++at) made.labels[at] = made.ids[at];
    }
    return made;
  }

  Result<std::vector<TokenId>> ids_of(const ordered_json& list, const char* name, bool is_label) const {
    const auto vocabulary = options_.vocab_size > 0 ? options_.vocab_size : tokenizer_.vocab_size();
    if (!list.is_array()) return invalid(std::string("\"") + name + "\" must be a list of ids");
    std::vector<TokenId> ids;
    for (const auto& item : list) {
      const bool is_id = item.is_number_integer() && item >= 0 && item < vocabulary;
      if (!is_id && !(is_label && item.is_number_integer() && item == no_loss))
        return invalid(std::string("\"") + name + "\" has " + item.dump() + "; ids are whole numbers from 0 to " + std::to_string(vocabulary - 1));
      ids.push_back(item.get<TokenId>());
    }
    return ids;
  }

  Result<Row> token_row(const ordered_json& row) const {
    auto ids = ids_of(row["input_ids"], "input_ids", false);
    if (!ids) return ids.error();
    if (!row.contains("labels")) return Row{*ids, *ids};
    auto labels = ids_of(row["labels"], "labels", true);
    if (!labels) return labels.error();
    if (labels->size() != ids->size())
      return invalid("\"labels\" has " + std::to_string(labels->size()) + " members, \"input_ids\" " + std::to_string(ids->size()));
    return Row{std::move(*ids), std::move(*labels)};
  }

  const Tokenizer& tokenizer_;
  const RowOptions& options_;
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
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto place = "row " + std::to_string(number);
    if (line.size() > line_bytes_max) return invalid(file.string() + ": " + place + ": longer than 16 MiB", place);
    auto row = reader.read(line);
    if (!row) return invalid(file.string() + ": " + place + ": " + row.error().message, place);
    ++data.rows_read;
    cut(*row, options.max_seq_length);
    add(data, std::move(*row));
  }
  return data;
}

}  // namespace luthier::text
