// What there is to know of a dataset before it is trained on: how long its rows are, which of them are cut, the same, or teach nothing,
// and what of a row is learnt.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/dataset_source.hpp"

namespace luthier::text {

// Rows whose ids and labels are those of an earlier row.
struct Duplicates {
  struct Pair {
    RowPlace row, same_as;
  };
  std::int64_t count = 0;
  std::vector<Pair> first = {};  // as many as of NotedRows, in the files' order
};
Result<Duplicates> find_duplicates(const RowSource& source, const std::filesystem::path& scratch = {});

// Decoded tokens that are all learnt, or all not.
struct SamplePiece {
  std::string text;
  bool learnt = false;
  bool shortened = false;  // its middle is left out
};
// The first row, or of a preference its chosen answer. Empty without rows.
Result<std::vector<SamplePiece>> sample_of(RowSource& source, const Tokenizer& tokenizer);

struct DatasetReport {
  const RowSource& source;
  Duplicates duplicates;
  std::vector<SamplePiece> sample;
};
Result<DatasetReport> report_on(RowSource& source, const Tokenizer& tokenizer, const std::filesystem::path& scratch = {});

// {"file" or "files", "kind", "sha256", "rows", "rows_left_out", "tokens", "supervised_tokens", "tokens_cut", "longest", "lengths", "truncated",
// "duplicates", "untrained", "sample"}; of noted rows their count and the first twenty.
nlohmann::ordered_json json_of(const DatasetReport& report);
// Several lines with a histogram of the lengths. What is learnt of the sample is coloured, or in ⟦ ⟧.
std::string text_of(const DatasetReport& report, bool coloured);
// One line: "DATA: 120 rows, 4096 tokens, 812 trained; 3 truncated (rows 5, 9 and 40), 1 that teaches nothing (row 7)".
std::string brief_of(const RowSource& source, const Duplicates& duplicates);

}  // namespace luthier::text
