// Training rows: one JSON object a line, of one kind a file, to ids and labels.
//
//   text        {"prompt", "completion"}: prompt + " " + completion, no loss on the prompt. With a prompt_template such as
//               "{question} {answer}" the two members that it names, in its order; of the template nothing else counts.
//   chat        {"messages", "tools"?, "chat_template_kwargs"?}: rendered by the model's template, with those variables. Loss inside
//               `{% generation %}` blocks; without any, on what each assistant message adds to the conversation before it.
//   tokens      {"input_ids", "labels"?}: as they are
//   preference  one context and two answers, in one of four forms; loss on what comes behind the context:
//               {"prompt", "chosen", "rejected"}: a prompt that is a text is a user's message, or where the model has no template the
//                 answers follow it as a completion does; a prompt that is messages comes before the answers, which are texts or messages
//               {"chosen", "rejected"}: two conversations; the context is how far they are the same
//               {"context", "completions": [{"rank", "completion": messages}, …]}: two, the lower rank is chosen
//               {"context", "response1", "response2", "overall_preference"}: below 0 the first is chosen, above the second; 0 teaches nothing
//               "chosen_response" and "rejected_response" are read as "chosen" and "rejected".
//   embedding   {"query", "pos_doc", "neg_doc": list}: each text with the tokenizer's special tokens, and no labels. None may be empty.
//               What is too long loses its end, but for the special tokens there
//
// Other members are allowed and not looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/chat_renderer.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

class RowMembers;
inline constexpr TokenId no_loss = -100;
inline constexpr std::size_t row_bytes_max = 16 << 20;

enum class RowKind { text, chat, tokens, preference, embedding };
const char* to_string(RowKind kind);  // as users name them: "prompt", "messages", "input_ids", "preference", "embedding"

struct Row {
  std::vector<TokenId> ids;
  std::vector<TokenId> labels;  // same length; -100: no loss. Not shifted: the engine shifts by one
};

// What one line holds: one sequence, or of a preference {chosen, rejected}, or of an embedding row {query, positive, negatives …}.
struct Example {
  RowKind kind = RowKind::tokens;
  std::vector<Row> parts;
  std::int64_t tokens_uncut = 0;  // over all parts, before they were cut to max_seq_length

  std::int64_t tokens() const;  // over all parts
  // How many labels take loss after the shift (position 0 is predicted by nothing), over all parts; 0, so that nothing is learnt from
  // the row, when one answer of a preference has none. An embedding row counts 1, or 0 when its query or positive has no token.
  std::int64_t supervised() const;
};

struct RowOptions {
  std::int64_t max_seq_length = 0;  // each part is cut on the right; 0: no cut
  bool append_end_token = false;    // text rows end with EOS
  std::int64_t vocab_size = 0;      // ids of token rows must be below it; 0: the tokenizer's
  std::string prompt_template = {};  // of text rows; empty: "prompt" and "completion"
  // Of embedding rows: put before the texts; what the query is cut to, 0: as the others; how many of neg_doc count, the first ones, -1:
  // all; whether there must be one.
  std::string query_prefix = {}, passage_prefix = {};
  std::int64_t query_length_max = 0;
  std::int64_t negatives_max = -1;
  bool negatives_needed = false;
};

// "{question} … {answer}" -> {"question", "answer"}; `invalid` unless it names exactly two members.
Result<std::pair<std::string, std::string>> members_of_template(const std::string& prompt_template);

// Reads the rows of one dataset: all must be of the kind of the first. Not for use from several threads at once.
class RowReader {
 public:
  RowReader(Tokenizer tokenizer, RowOptions options);

  // The error's message says what is wrong and names the member, and not where the line is.
  Result<Example> read(std::string_view line);

  std::optional<RowKind> kind() const { return kind_; }
  void expect(RowKind kind) { kind_ = kind; }  // what the rows read by others were

 private:
  Result<Example> read(const RowMembers& row);
  Result<std::vector<Row>> parts_of(const RowMembers& row);
  RowKind kind_of(const RowMembers& row) const;
  Result<Row> text_row(const RowMembers& row) const;
  Result<Row> chat_row(const RowMembers& row);
  Result<Row> token_row(const RowMembers& row) const;
  Result<std::vector<Row>> preference_row(const RowMembers& row);
  Result<std::vector<Row>> embedding_row(const RowMembers& row) const;
  void cut_to_length(Example& example) const;
  Result<Row> completed(const std::string& prompt, const std::string& completion) const;

  Tokenizer tokenizer_;
  RowOptions options_;
  std::optional<Error> fault_;                  // of the options
  std::string question_ = "prompt", answer_ = "completion";
  ChatRenderer chat_;
  std::optional<RowKind> kind_;
  std::size_t tail_ = 0;  // how many tokens the tokenizer adds at a text's end
};

}  // namespace luthier::text
