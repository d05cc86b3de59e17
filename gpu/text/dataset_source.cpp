#include "gpu/text/dataset_source.hpp"

#include <omp.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "events/base/sha256.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t batch_bytes = 1 << 20;
constexpr std::size_t batch_lines_max = 4096;
constexpr std::size_t long_line_bytes = 256 << 10;  // such a row may need much memory while it is read: one at a time
constexpr std::size_t files_max = 10'000;
constexpr std::uint64_t lines_max = std::numeric_limits<std::uint32_t>::max();

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::uint64_t content_of(const Example& example) {
  std::uint64_t content = example.parts.size();
  const auto mix = [&](const std::vector<TokenId>& ids) {
    const std::string_view bytes(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(TokenId));
    content = (std::rotl(content, 27) ^ std::hash<std::string_view>()(bytes)) * 0x9E3779B97F4A7C15u;
  };
  for (const Row& part : example.parts) mix(part.ids), mix(part.labels);
  return content;
}

Error at_place(const std::string& place, const Error& error) {
  const auto row = place.rfind("row ");
  return {error.code, place + ": " + error.message, row == std::string::npos ? "" : place.substr(row)};
}

}  // namespace

// Some lines of one file, to be looked at together.
struct RowSource::Batch {
  struct Line {
    std::size_t from, bytes;  // in `text`
    std::uint64_t begin;      // in the file
    std::uint32_t number;
  };
  std::string text;
  std::vector<Line> lines;

  std::string_view line(std::size_t i) const { return std::string_view(text).substr(lines[i].from, lines[i].bytes); }
  bool is_full() const { return text.size() >= batch_bytes || lines.size() == batch_lines_max; }
  void clear() { text.clear(), lines.clear(); }
};

// What is kept of a row when it was read.
struct RowSource::Seen {
  std::optional<Error> error;
  std::int64_t tokens = 0, tokens_uncut = 0, supervised = 0;
  std::uint64_t content = 0;

  static Seen of(RowReader& reader, std::string_view line) {
    const auto example = reader.read(line);
    if (!example) return {.error = example.error()};
    return {{}, example->tokens(), example->tokens_uncut, example->supervised(), content_of(*example)};
  }
};

void NotedRows::add(RowPlace place) {
  ++count;
  if (first.size() < first_max) first.push_back(place);
}

RowSource::RowSource(std::vector<std::filesystem::path> files, const Tokenizer& tokenizer, const DatasetOptions& options)
    : files_(std::move(files)), tokenizer_(tokenizer), row_options_(options.rows), index_(options.scratch) {}

Result<RowSource> RowSource::open(std::vector<std::filesystem::path> files, const Tokenizer& tokenizer, const DatasetOptions& options) {
  if (files.size() > files_max) return Error{ErrorCode::limit, "the dataset has more than " + std::to_string(files_max) + " files", "data"};
  RowSource source(std::move(files), tokenizer, options);
  if (auto done = source.look_through(options); !done) return done.error();
  return source;
}

Result<void> RowSource::look_through(const DatasetOptions& options) {
  ReadingProgress progress;
  for (const auto& path : files_) {
    const auto file = DataFile::open(path);
    if (!file) return file.error();
    progress.bytes_total += file->size();
  }
  Sha256 all;
  for (std::uint32_t file = 0; file < files_.size(); ++file) {
    if (auto done = look_through(file, options, progress); !done) return done;
    all.update(files_[file].filename().string() + " " + digest_ + "\n");
  }
  if (files_.size() != 1) digest_ = all.hex();
  return index_.freeze();
}

Result<void> RowSource::look_through(std::uint32_t file, const DatasetOptions& options, ReadingProgress& progress) {
  auto opened = DataFile::open(files_[file]);
  if (!opened) return opened.error();
  begins_.push_back(progress.bytes_read);
  Batch batch;
  DataLines lines(*opened, row_bytes_max);
  const auto flush = [&]() -> Result<void> {
    if (options.is_cancelled && options.is_cancelled())
      return Error{ErrorCode::cancelled, "the reading of " + files_[file].string() + " was cancelled", {}};
    if (auto added = add(batch, file); !added) return added;
    batch.clear();
    auto now = progress;
    now.bytes_read += lines.bytes_read();
    now.rows = summary_.rows_read;
    if (options.progress) options.progress(now);
    return {};
  };
  while (true) {
    const auto more = lines.next();
    if (!more) return more.error();
    if (!*more) break;
    if (lines.is_too_long() || lines.number() > static_cast<std::int64_t>(lines_max)) {
      if (auto done = flush(); !done) return done;  // an earlier row may be bad as well
      const auto where = "row " + std::to_string(lines.number());
      return invalid(files_[file].string() + ": " + where + (lines.is_too_long() ? ": longer than 16 MiB" : ": there are too many lines"), where);
    }
    if (is_blank(lines.line())) continue;
    const bool is_long = lines.line().size() > long_line_bytes;
    if (is_long && !batch.lines.empty())
      if (auto done = flush(); !done) return done;
    batch.lines.push_back({batch.text.size(), lines.line().size(), lines.begin(), static_cast<std::uint32_t>(lines.number())});
    batch.text += lines.line();
    if (is_long || batch.is_full())
      if (auto done = flush(); !done) return done;
  }
  if (auto done = flush(); !done) return done;
  digest_ = lines.digest();
  progress.bytes_read += lines.bytes_read();
  return {};
}

void RowSource::make_readers() {
  while (readers_.size() < static_cast<std::size_t>(omp_get_max_threads())) readers_.push_back(std::make_unique<RowReader>(tokenizer_, row_options_));
  for (auto& reader : readers_)
    if (kind_) reader->expect(*kind_);
}

Result<void> RowSource::add(const Batch& batch, std::uint32_t file) {
  if (batch.lines.empty()) return {};
  make_readers();
  std::vector<Seen> seen(batch.lines.size());
  const bool first = !kind_;
  if (first) {
    seen[0] = Seen::of(*readers_[0], batch.line(0));
    kind_ = readers_[0]->kind();
    make_readers();
  }
  if (!seen[0].error) {
#pragma omp parallel for schedule(dynamic, 8)
    for (std::size_t i = first ? 1 : 0; i < seen.size(); ++i)
      seen[i] = Seen::of(*readers_[static_cast<std::size_t>(omp_get_thread_num())], batch.line(i));
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto& line = batch.lines[i];
    const RowPlace here{file, line.number};
    if (seen[i].error) return at_place(place(here), *seen[i].error);
    if (auto added = add(seen[i], here, begins_[file] + line.begin, line.bytes); !added) return added;
  }
  return {};
}

Result<void> RowSource::add(const Seen& seen, RowPlace place, std::uint64_t begin, std::size_t bytes) {
  DatasetSummary& s = summary_;
  ++s.rows_read;
  ++s.lengths[seen.tokens_uncut > 0 ? static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(seen.tokens_uncut))) - 1 : 0];
  s.tokens_cut += seen.tokens_uncut - seen.tokens;
  if (seen.tokens_uncut > seen.tokens) s.truncated.add(place);
  if (seen.supervised == 0) {
    s.left_out.add(place);
    return {};
  }
  if (index_.size() == lines_max) return Error{ErrorCode::limit, "the dataset has more than " + std::to_string(lines_max) + " rows", "data"};
  s.tokens += seen.tokens;
  s.supervised_tokens += seen.supervised;
  s.length_max = std::max(s.length_max, seen.tokens);
  s.supervised_max = std::max(s.supervised_max, seen.supervised);
  return index_.append({begin, seen.content, static_cast<std::uint32_t>(bytes), place.line, static_cast<std::uint32_t>(seen.tokens),
                        static_cast<std::uint32_t>(seen.supervised)});
}

RowPlace RowSource::at(std::size_t row) const {
  const Record& record = index_[row];
  const auto file = std::upper_bound(begins_.begin(), begins_.end(), record.begin) - begins_.begin() - 1;
  return {static_cast<std::uint32_t>(file), record.line};
}

std::string RowSource::place(const RowPlace& place) const { return files_[place.file].string() + ": row " + std::to_string(place.line); }

Result<std::string> RowSource::line_of(std::size_t row) {
  const auto file = at(row).file;
  if (!opened_ || opened_->first != file) {
    auto opened = DataFile::open(files_[file]);
    if (!opened) return opened.error();
    opened_.emplace(file, std::move(*opened));
  }
  const Record& record = index_[row];
  std::string line(record.bytes, '\0');
  const auto got = opened_->second.read(record.begin - begins_[file], line.data(), line.size());
  if (!got) return got.error();
  line.resize(*got);
  return line;
}

Result<std::vector<Example>> RowSource::read(std::span<const std::size_t> rows) {
  std::vector<std::string> lines;
  for (const std::size_t row : rows) {
    auto line = line_of(row);
    if (!line) return line.error();
    lines.push_back(std::move(*line));
  }
  make_readers();
  std::vector<Result<Example>> read(rows.size(), Result<Example>(Example{}));
#pragma omp parallel for schedule(dynamic, 1) if (rows.size() > 1)
  for (std::size_t i = 0; i < rows.size(); ++i) read[i] = readers_[static_cast<std::size_t>(omp_get_thread_num())]->read(lines[i]);
  std::vector<Example> examples;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // What follows was planned with the lengths of the first pass, and a resumed run must see what the first one saw.
    if (!read[i] || content_of(*read[i]) != content(rows[i]))
      return Error{ErrorCode::conflict, place(rows[i]) + ": the file was changed since the run began", "data"};
    examples.push_back(std::move(*read[i]));
  }
  return examples;
}

Result<Example> RowSource::read(std::size_t row) {
  auto examples = read(std::span(&row, 1));
  if (!examples) return examples.error();
  return std::move(examples->front());
}

}  // namespace luthier::text
