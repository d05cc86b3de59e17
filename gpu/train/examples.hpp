// The rows that a run trains on or validates with: how long each is and where it stands, and its tokens when it is their turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/model/batch.hpp"
#include "gpu/text/dataset_source.hpp"
#include "gpu/train/row_lengths.hpp"

namespace luthier::train {

class Examples {
 public:
  // Rows without a token to learn from are counted and left out. The first bad row ends it: invalid, "FILE: row N: why", field "row N".
  static Result<Examples> read(std::vector<std::filesystem::path> files, const text::Tokenizer& tokenizer, const text::DatasetOptions& options);

  bool empty() const { return !source_ || source_->size() == 0; }
  std::size_t size() const { return source_ ? source_->size() : 0; }
  text::RowKind kind() const { return source_->kind(); }
  std::int64_t tokens(std::size_t row) const { return source_->length(row); }  // over all its parts
  std::int64_t supervised(std::size_t row) const { return source_->supervised(row); }
  RowLengths lengths() const;  // of this object, for as long as it stays where it is
  std::int64_t longest() const { return source_ ? source_->summary().length_max : 0; }
  const text::DatasetSummary& summary() const { return source_->summary(); }
  const std::string& digest() const { return source_->digest(); }  // SHA-256 of the files
  std::string name() const;  // the file's, or the first one's with "…"
  std::string place(std::size_t row) const { return source_->place(row); }
  text::RowPlace at(std::size_t row) const { return source_->at(row); }
  const std::vector<std::filesystem::path>& files() const { return source_->files(); }

  // One line for people: how many rows, and which are cut, left out or the same as others.
  Result<std::string> brief(const std::filesystem::path& scratch) const;

  Result<std::vector<text::Example>> read(std::span<const std::size_t> rows) { return source_->read(rows); }

 private:
  std::optional<text::RowSource> source_;
};

// "rows 3, 7 and 9 of FILE", by their lines; of many only the first ones.
std::string rows_of_file(const Examples& examples, std::span<const std::size_t> rows);

// Rows that go through the network together, with their tokens.
struct RowsOf {
  const Examples* examples = nullptr;
  std::span<const std::size_t> rows;
  std::vector<text::Example> read = {};

  model::Batch batch() const;  // all parts of all rows, in order
};
Result<RowsOf> read_rows_of(Examples& examples, std::span<const std::size_t> rows);

}  // namespace luthier::train
