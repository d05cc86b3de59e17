// The rows of a dataset on disk, of any size: looked through once, then read again when they are needed.
//
// The first pass reads every line, in parallel, so that a bad row is found before anything starts, and keeps of each row 32 bytes (its
// place, its lengths, a digest of its ids) in a ScratchArray. So memory does not grow with the files. Ids are not kept: to tokenize a
// row costs less than a thousandth of a training step on it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/dataset_array.hpp"
#include "gpu/text/dataset_lines.hpp"
#include "gpu/text/rows.hpp"

namespace luthier::text {

struct ReadingProgress {
  std::uint64_t bytes_read = 0, bytes_total = 0;
  std::int64_t rows = 0;
};

struct DatasetOptions {
  RowOptions rows = {};
  std::filesystem::path scratch = {};            // a directory for what is kept of the rows; empty: the system's temporary one
  std::function<bool()> is_cancelled = nullptr;  // asked some times a second; true ends the reading with `cancelled`
  std::function<void(const ReadingProgress&)> progress = nullptr;
};

struct RowPlace {
  std::uint32_t file = 0, line = 0;  // lines count from 1, blank ones too
};

// How many rows there are of a sort, and the first of them.
struct NotedRows {
  static constexpr std::size_t first_max = 20;
  std::int64_t count = 0;
  std::vector<RowPlace> first = {};
  void add(RowPlace place);
};

struct DatasetSummary {
  std::int64_t rows_read = 0;          // without blank lines
  std::int64_t tokens = 0;             // over all kept rows, after cutting
  std::int64_t supervised_tokens = 0;  // after the shift: labels other than -100, not counting position 0
  std::int64_t tokens_cut = 0;         // of all rows, lost to max_seq_length
  std::int64_t length_max = 0;         // of the rows that are kept, after cutting
  std::int64_t supervised_max = 0;     // of one row
  NotedRows truncated, left_out;       // left out: rows without a supervised token
  std::array<std::int64_t, 32> lengths = {};  // [n]: rows of 2^n to 2^(n+1) - 1 tokens, before cutting; empty ones in [0]
};

// Not for use from several threads at once; its own work is parallel over rows.
class RowSource {
 public:
  // The first bad row ends it: invalid, message "FILE: row N: why", field "row N".
  static Result<RowSource> open(std::vector<std::filesystem::path> files, const Tokenizer& tokenizer, const DatasetOptions& options);

  std::size_t size() const { return index_.size(); }  // rows that are kept, in the files' order
  std::int64_t length(std::size_t row) const { return index_[row].tokens; }
  std::int64_t supervised(std::size_t row) const { return index_[row].supervised; }
  std::uint64_t content(std::size_t row) const { return index_[row].content; }  // equal for rows of equal ids and labels, until the end of the process
  RowPlace at(std::size_t row) const;
  std::string place(std::size_t row) const { return place(at(row)); }
  std::string place(const RowPlace& place) const;  // "FILE: row N"

  // `conflict` when a row is not what it was in the first pass.
  Result<std::vector<Example>> read(std::span<const std::size_t> rows);
  Result<Example> read(std::size_t row);

  const DatasetSummary& summary() const { return summary_; }
  RowKind kind() const { return kind_.value_or(RowKind::text); }
  const std::vector<std::filesystem::path>& files() const { return files_; }
  // SHA-256: of the one file, or of the lines "NAME DIGEST" of several.
  const std::string& digest() const { return digest_; }

 private:
  struct Record {
    std::uint64_t begin;  // in all files, one after the other
    std::uint64_t content;
    std::uint32_t bytes, line, tokens, supervised;
  };
  struct Batch;
  struct Seen;

  RowSource(std::vector<std::filesystem::path> files, const Tokenizer& tokenizer, const DatasetOptions& options);
  Result<void> look_through(const DatasetOptions& options);
  Result<void> look_through(std::uint32_t file, const DatasetOptions& options, ReadingProgress& progress);
  Result<void> add(const Batch& batch, std::uint32_t file);
  Result<void> add(const Seen& seen, RowPlace place, std::uint64_t begin, std::size_t bytes);
  Result<std::string> line_of(std::size_t row);
  void make_readers();

  std::vector<std::filesystem::path> files_;
  std::vector<std::uint64_t> begins_;  // of each file, among all
  Tokenizer tokenizer_;
  RowOptions row_options_;
  std::vector<std::unique_ptr<RowReader>> readers_;  // one for each thread
  std::optional<RowKind> kind_;
  ScratchArray<Record> index_;
  DatasetSummary summary_;
  std::string digest_;
  std::optional<std::pair<std::uint32_t, DataFile>> opened_;  // the file that was read last
};

}  // namespace luthier::text
