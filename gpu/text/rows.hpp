// Training rows: one JSON object a line, of one kind a file (prompt/completion, messages, input_ids), to ids and labels.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

struct Row {
  std::vector<TokenId> ids;
  std::vector<TokenId> labels;  // same length; -100: no loss. Not shifted: the engine shifts by one
};

struct Dataset {
  std::vector<Row> rows;               // rows without a supervised token are left out
  std::int64_t rows_read = 0;          // rows of the file, without blank lines
  std::int64_t rows_left_out = 0;
  std::int64_t tokens = 0;             // over all kept rows, after cutting
  std::int64_t supervised_tokens = 0;  // after the shift: labels other than -100, not counting position 0
};

struct RowOptions {
  std::int64_t max_seq_length = 0;  // cut on the right; 0: no cut
  bool append_end_token = false;    // prompt/completion rows end with EOS
  std::int64_t vocab_size = 0;      // ids of input_ids rows must be below it; 0: the tokenizer's
  std::function<bool()> is_cancelled = nullptr;  // asked before each row; true ends the reading with `cancelled`
};

// The first bad row ends it: invalid, message "FILE: row N: why", field "row N" (lines count from 1, blank ones too).
Result<Dataset> read_rows(const std::filesystem::path& file, const Tokenizer& tokenizer, const RowOptions& options);

}  // namespace luthier::text
