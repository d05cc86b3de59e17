#include "gpu/text/dataset_report.hpp"

#include <algorithm>

namespace luthier::text {
namespace {

constexpr std::ptrdiff_t learnt_shown_max = 400, other_shown_max = 120;  // tokens of one piece of the sample

struct Content {
  std::uint64_t content;
  std::uint64_t row;
  auto operator<=>(const Content&) const = default;
};

// Pieces as a reader is sent them, so that a character of two tokens is not torn.
std::vector<std::string> pieces_of(const Row& row, const Tokenizer& tokenizer) {
  StreamDecoder stream(tokenizer, false);
  std::vector<std::string> pieces;
  for (const TokenId id : row.ids) pieces.push_back(stream.push(id));
  if (!pieces.empty()) pieces.back() += stream.finish();
  return pieces;
}

SamplePiece joined(const std::vector<std::string>& pieces, std::ptrdiff_t begin, std::ptrdiff_t end, bool learnt) {
  const auto shown_max = learnt ? learnt_shown_max : other_shown_max;
  SamplePiece piece{"", learnt, end - begin > shown_max};
  for (auto i = begin; i < end; ++i) {
    if (piece.shortened && i == begin + shown_max / 2) {
      piece.text += " … ";
      i = end - shown_max / 2;
    }
    piece.text += pieces[static_cast<std::size_t>(i)];
  }
  return piece;
}

}  // namespace

Result<Duplicates> find_duplicates(const RowSource& source, const std::filesystem::path& scratch) {
  ScratchArray<Content> contents(scratch);
  for (std::size_t row = 0; row < source.size(); ++row)
    if (auto added = contents.append({source.content(row), row}); !added) return added.error();
  if (auto frozen = contents.freeze(); !frozen) return frozen.error();
  std::sort(contents.begin(), contents.end());
  Duplicates found;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> first;  // row and what it repeats; a heap with the last row on top
  const Content* original = contents.begin();
  for (const Content& here : contents) {
    if (here.content != original->content) original = &here;
    if (&here == original) continue;
    ++found.count;
    first.emplace_back(here.row, original->row);
    std::push_heap(first.begin(), first.end());
    if (first.size() <= NotedRows::first_max) continue;
    std::pop_heap(first.begin(), first.end());
    first.pop_back();
  }
  std::sort_heap(first.begin(), first.end());
  for (const auto& [row, same_as] : first) found.first.push_back({source.at(row), source.at(same_as)});
  return found;
}

Result<std::vector<SamplePiece>> sample_of(RowSource& source, const Tokenizer& tokenizer) {
  std::vector<SamplePiece> sample;
  if (source.size() == 0) return sample;
  const auto example = source.read(0);
  if (!example) return example.error();
  const Row& row = example->parts.front();
  const auto pieces = pieces_of(row, tokenizer);
  const auto learnt = [&](std::ptrdiff_t i) { return i > 0 && row.labels[static_cast<std::size_t>(i)] >= 0; };
  const auto count = static_cast<std::ptrdiff_t>(pieces.size());
  for (std::ptrdiff_t begin = 0, end = 0; begin < count; begin = end) {
    while (end < count && learnt(end) == learnt(begin)) ++end;
    sample.push_back(joined(pieces, begin, end, learnt(begin)));
  }
  return sample;
}

Result<DatasetReport> report_on(RowSource& source, const Tokenizer& tokenizer, const std::filesystem::path& scratch) {
  auto duplicates = find_duplicates(source, scratch);
  if (!duplicates) return duplicates.error();
  auto sample = sample_of(source, tokenizer);
  if (!sample) return sample.error();
  return DatasetReport{source, std::move(*duplicates), std::move(*sample)};
}

}  // namespace luthier::text
