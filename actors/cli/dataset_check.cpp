#include "actors/cli/dataset_check.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace luthier::cli {
namespace {

using nlohmann::json;

bool is_text(const json& row, const char* name) { return row.contains(name) && row[name].is_string(); }

bool is_list_of_integers(const json& list) {
  if (!list.is_array()) return false;
  for (const auto& element : list)
    if (!element.is_number_integer()) return false;
  return true;
}

bool is_list_of_texts(const json& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const json& element) { return element.is_string(); });
}

// Two answers to one context, in any form: the engine, which reads them, says more of what is wrong.
bool is_preference(const json& row) {
  const auto has = [&](const char* name) { return row.contains(name); };
  return (has("chosen") && has("rejected")) || (has("chosen_response") && has("rejected_response")) || (has("context") && has("completions")) ||
         (has("context") && has("overall_preference"));
}

// "" when it is well formed.
std::string fault_of_messages(const json& messages) {
  if (!messages.is_array() || messages.empty()) return "\"messages\" must be a list that is not empty";
  for (const auto& message : messages)
    if (!message.is_object() || !is_text(message, "role")) return "each message needs a \"role\"";
  return "";
}

struct Seen {
  std::string kind, fault;
};

Seen look_at(const json& row) {
  if (!row.is_object()) return {"", "a JSON object is needed"};
  if (row.contains("messages")) return {"messages", fault_of_messages(row["messages"])};
  if (row.contains("input_ids")) {
    if (!is_list_of_integers(row["input_ids"])) return {"input_ids", "\"input_ids\" must be a list of whole numbers"};
    const bool fits = !row.contains("labels") || (is_list_of_integers(row["labels"]) && row["labels"].size() == row["input_ids"].size());
    return {"input_ids", fits ? "" : "\"labels\" must be as many whole numbers as \"input_ids\""};
  }
  if (row.contains("query") && (row.contains("pos_doc") || row.contains("neg_doc"))) {
    const bool fits = is_text(row, "query") && is_text(row, "pos_doc") && row.contains("neg_doc") && is_list_of_texts(row["neg_doc"]);
    return {"embedding", fits ? "" : "\"query\" and \"pos_doc\" must be text, and \"neg_doc\" a list of texts"};
  }
  if (!row.contains("completion") && is_preference(row)) return {"preference", ""};
  if (row.contains("prompt") || row.contains("completion")) {
    const bool fits = is_text(row, "prompt") && is_text(row, "completion");
    return {"prompt/completion", fits ? "" : "\"prompt\" and \"completion\" must both be text"};
  }
  return {"", "it has none of \"messages\", \"prompt\" with \"completion\", \"chosen\" with \"rejected\", \"query\" with \"pos_doc\", \"input_ids\""};
}

}  // namespace

Result<RowsFound> check_rows(const std::filesystem::path& file) {
  std::ifstream lines(file);
  if (!lines) return Error{ErrorCode::not_found, file.string() + ": cannot be read", "data"};
  RowsFound found;
  std::string line;
  for (std::int64_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto where = "row " + std::to_string(number);
    const auto bad = [&](const std::string& why) { return invalid(file.string() + ": " + where + ": " + why, where); };
    const auto row = json::parse(line, nullptr, false);
    if (row.is_discarded()) return bad("this is no JSON");
    const auto seen = look_at(row);
    if (!seen.fault.empty()) return bad(seen.fault);
    if (found.rows > 0 && found.kind != seen.kind) return bad("it is of the kind " + seen.kind + ", and those before are of the kind " + found.kind);
    found.kind = seen.kind;
    ++found.rows;
  }
  if (found.rows == 0) return invalid(file.string() + ": there are no rows");
  return found;
}

}  // namespace luthier::cli
