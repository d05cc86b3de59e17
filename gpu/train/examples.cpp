#include "gpu/train/examples.hpp"

#include <algorithm>

#include "gpu/text/dataset_report.hpp"

namespace luthier::train {
namespace {

constexpr std::size_t rows_named_max = 64;

}  // namespace

Result<Examples> Examples::read(std::vector<std::filesystem::path> files, const text::Tokenizer& tokenizer, const text::DatasetOptions& options) {
  auto source = text::RowSource::open(std::move(files), tokenizer, options);
  if (!source) return source.error();
  Examples examples;
  examples.source_ = std::move(*source);
  return examples;
}

RowLengths Examples::lengths() const {
  return {size(), [this](std::size_t row) { return tokens(row); }};
}

Result<std::string> Examples::brief(const std::filesystem::path& scratch) const {
  const auto duplicates = text::find_duplicates(*source_, scratch);
  if (!duplicates) return duplicates.error();
  return text::brief_of(*source_, *duplicates);
}

std::string Examples::name() const { return files().front().string() + (files().size() > 1 ? " …" : ""); }

std::string rows_of_file(const Examples& examples, std::span<const std::size_t> rows) {
  std::string text = rows.size() == 1 ? "row " : "rows ";
  const std::size_t named = std::min(rows.size(), rows_named_max);
  for (std::size_t i = 0; i < named; ++i) {
    const text::RowPlace place = examples.at(rows[i]);
    text += (i == 0 ? "" : i + 1 == rows.size() ? " and " : ", ") + std::to_string(place.line);
    if (examples.files().size() > 1) text += " of " + examples.files()[place.file].filename().string();
  }
  if (rows.size() > named) text += " and " + std::to_string(rows.size() - named) + " more";
  return examples.files().size() > 1 ? text : text + " of " + examples.name();
}

model::Batch RowsOf::batch() const {
  std::vector<model::Sequence> sequences;
  for (const text::Example& example : read)
    for (const text::Row& part : example.parts) sequences.push_back({part.ids, part.labels});
  return model::make_batch(sequences);
}

Result<RowsOf> read_rows_of(Examples& examples, std::span<const std::size_t> rows) {
  auto read = examples.read(rows);
  if (!read) return read.error();
  return RowsOf{&examples, rows, std::move(*read)};
}

}  // namespace luthier::train
