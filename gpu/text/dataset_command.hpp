// luthier check-data: what a run would make of its rows, found without reading a weight.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

namespace luthier::text {

struct CheckDataOptions {
  std::filesystem::path model{};    // --model: a directory or a .gguf file, for its tokenizer and chat template
  std::filesystem::path data{};     // --data: a file, or a directory with training and validation files
  std::int64_t max_seq_length = 0;  // --max-seq-length; 0: rows are not cut
  std::string prompt_template{};    // --prompt-template
  bool append_end_token = false;    // --append-end-token
  bool json = false;                // --json: one object per set of rows
  bool rows = false;                // --rows: instead of a report each row that is trained on, a line of {"row", "parts": [{"input_ids", "labels"}]}
  bool coloured = false;            // `out` is a terminal
  bool shows_progress = false;      // `err` is a terminal
};
// A report on the training rows, and one on the validation rows where there are any. 0, or 2 after one line on `err` that names the
// file, the row and the member that is wrong.
int check_data(const CheckDataOptions& options, std::ostream& out, std::ostream& err);

}  // namespace luthier::text
