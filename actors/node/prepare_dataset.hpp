// From the files of a fileset to the rows that the engine trains and validates on: found, checked, converted where the engine knows
// another format, joined into one file each, and split where there is nothing to validate on.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/node/prepare_dataset_rows.hpp"

namespace luthier::node {

struct DatasetRequest {
  std::filesystem::path directory;             // the files
  std::vector<std::string> training;           // paths in it, in the order in which they are joined
  std::filesystem::path validation_directory;  // may be the same
  std::vector<std::string> validation;         // none: split, if the settings say so
  RowSettings settings;
  const text::Tokenizer* tokenizer = nullptr;  // for rows with a text_field
  std::filesystem::path out;                   // an empty directory
  std::function<bool()> is_cancelled = nullptr;  // asked for each row; true ends it with `cancelled`
};

// A file for the engine: one of the fileset as it is, or one made of several.
struct RowsFile {
  std::filesystem::path path;
  std::string original;  // its path in the fileset; empty: made here
  std::int64_t rows = 0;

  // Where the row in this line (from 1) came from: "train/a.jsonl: row 7".
  std::string place_of(std::int64_t line) const;
  struct Origin {
    std::size_t file = 0;  // of `files`
    std::int64_t line = 0;
  };
  std::vector<std::string> files = {};
  std::vector<Origin> origins = {};  // of each line that was made; empty for an original
};

struct PreparedDataset {
  RowsFile training;
  std::optional<RowsFile> validation;
  std::vector<std::string> warnings;
};

constexpr std::uint32_t split_seed = 1111;
constexpr std::size_t rows_max = 10'000'000;  // that are remembered by their places

// Errors name file and row ("train.jsonl: row 4: …").
Result<PreparedDataset> prepare_dataset(const DatasetRequest& request);

}  // namespace luthier::node
