#include "actors/node/prepare_dataset.hpp"

#include <algorithm>
#include <fstream>

#include "actors/node/prepare_dataset_shuffle.hpp"
#include "gpu/text/lines.hpp"

namespace luthier::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t line_bytes_max = 16 << 20;
constexpr json::Bounds row_bounds{.bytes_max = line_bytes_max, .depth_max = 64};

struct Line {
  std::size_t file = 0;
  std::int64_t number = 0;
  std::streamoff begin = 0;
  std::size_t length = 0;
};

// The rows of some files, by their places: contents stay on the disk.
class Rows {
 public:
  Rows(const fs::path& directory, const std::vector<std::string>& files, const DatasetRequest& request)
      : directory_(directory), files_(files), settings_(request.settings), tokenizer_(request.tokenizer), is_cancelled_(request.is_cancelled) {}

  // Checks every row.
  Result<void> read();
  // Writes these rows, as the engine reads them.
  Result<RowsFile> write(const fs::path& path, const std::vector<std::size_t>& order) const;
  // The one file, when the engine reads it as it is.
  std::optional<RowsFile> as_it_is() const;

  std::size_t size() const { return lines_.size(); }
  std::string warning() const { return format_ ? format_->warning() : ""; }

 private:
  Result<void> check_cancelled() const {
    if (is_cancelled_ && is_cancelled_()) return Error{ErrorCode::cancelled, "the preparation of the rows was cancelled", {}};
    return {};
  }
  Result<void> read_file(std::size_t file);
  Result<void> check(const std::string& line, const std::string& place);
  Result<std::optional<std::string>> convert(const std::string& line) const;

  const fs::path directory_;
  const std::vector<std::string> files_;
  const RowSettings& settings_;
  const text::Tokenizer* tokenizer_;
  const std::function<bool()>& is_cancelled_;
  std::unique_ptr<RowFormat> format_;  // of the first row
  bool is_converted_ = false;          // some row becomes another line
  std::vector<Line> lines_;
};

Error at_row(const std::string& place, const Error& error) { return {error.code, place + ": " + error.message, error.field}; }

std::string place_of(const std::string& file, std::int64_t number) { return file + ": row " + std::to_string(number); }

Result<void> Rows::read() {
  for (std::size_t file = 0; file < files_.size(); ++file)
    if (auto done = read_file(file); !done) return done;
  if (!lines_.empty()) return {};
  std::string names;
  for (const auto& file : files_) names += (names.empty() ? "" : ", ") + file;
  return invalid(names + (files_.size() == 1 ? " has" : " have") + " no rows", "dataset");
}

Result<void> Rows::read_file(std::size_t file) {
  std::ifstream in(directory_ / files_[file], std::ios::binary);
  if (!in) return Error{ErrorCode::io, files_[file] + " cannot be read", "dataset"};
  std::streamoff begin = 0;
  for (text::LineReader reader(in, line_bytes_max); reader.next();) {
    const auto place = place_of(files_[file], reader.number());
    if (reader.is_too_long()) return Error{ErrorCode::limit, place + ": longer than 16 MiB", place};
    const auto& line = reader.line();
    const Line here{file, reader.number(), begin, line.size()};
    begin += static_cast<std::streamoff>(line.size()) + 1;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (auto go_on = check_cancelled(); !go_on) return go_on;
    if (auto good = check(line, place); !good) return good;
    if (lines_.size() == rows_max) return Error{ErrorCode::limit, "the dataset has more than " + std::to_string(rows_max) + " rows", "dataset"};
    lines_.push_back(here);
  }
  return {};
}

Result<void> Rows::check(const std::string& line, const std::string& place) {
  const auto row = json::parse(line, row_bounds);
  if (!row) return at_row(place, invalid("not JSON: " + row.error().message));
  if (!format_) {
    auto format = detect_format(*row, settings_, tokenizer_);
    if (!format) return at_row(place, format.error());
    format_ = std::move(*format);
  }
  if (!row->object()) return at_row(place, invalid("not a JSON object"));
  const auto converted = format_->convert(*row);
  if (!converted) return at_row(place, converted.error());
  is_converted_ |= converted->has_value();
  return {};
}

Result<std::optional<std::string>> Rows::convert(const std::string& line) const {
  if (!is_converted_) return std::optional<std::string>();
  const auto row = json::parse(line, row_bounds);
  if (!row) return row.error();
  return format_->convert(*row);
}

std::optional<RowsFile> Rows::as_it_is() const {
  if (files_.size() != 1 || is_converted_) return std::nullopt;
  return RowsFile{directory_ / files_[0], files_[0], static_cast<std::int64_t>(lines_.size())};
}

Result<RowsFile> Rows::write(const fs::path& path, const std::vector<std::size_t>& order) const {
  std::vector<std::ifstream> inputs;
  for (const auto& file : files_) inputs.emplace_back(directory_ / file, std::ios::binary);
  std::ofstream out(path, std::ios::binary);
  RowsFile made{path, "", static_cast<std::int64_t>(order.size()), files_};
  std::string text;
  for (const auto index : order) {
    const Line& line = lines_[index];
    auto& in = inputs[line.file];
    if (auto go_on = check_cancelled(); !go_on) return go_on.error();
    text.resize(line.length);
    in.clear();
    if (!in.seekg(line.begin).read(text.data(), static_cast<std::streamsize>(text.size())))
      return Error{ErrorCode::io, files_[line.file] + " cannot be read again", "dataset"};
    auto converted = convert(text);
    if (!converted) return at_row(place_of(files_[line.file], line.number), converted.error());
    out << (*converted ? **converted : text) << '\n';
    made.origins.push_back({line.file, line.number});
  }
  if (!out.flush()) return Error{ErrorCode::io, "the prepared rows cannot be written; is the disk full?", "dataset"};
  return made;
}

std::vector<std::size_t> all_of(std::size_t count) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  return order;
}

Result<RowsFile> whole(const Rows& rows, const fs::path& path) {
  if (auto same = rows.as_it_is()) return std::move(*same);
  return rows.write(path, all_of(rows.size()));
}

// A tenth of the rows, and at least one, is set aside.
Result<void> split(const Rows& rows, const DatasetRequest& request, PreparedDataset& prepared) {
  const auto order = shuffled_indices(rows.size(), split_seed);
  const auto aside = std::max<std::size_t>(1, rows.size() / 10);
  if (aside >= rows.size())
    return invalid("the dataset has one row, which would be set aside for validation: at least two rows are needed, or a file of validation rows",
                   "dataset");
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(aside);
  auto validation = rows.write(request.out / "validation.jsonl", {order.begin(), middle});
  if (!validation) return validation.error();
  auto training = rows.write(request.out / "train.jsonl", {middle, order.end()});
  if (!training) return training.error();
  prepared.validation = std::move(*validation);
  prepared.training = std::move(*training);
  return {};
}

}  // namespace

std::string RowsFile::place_of(std::int64_t line) const {
  if (origins.empty()) return node::place_of(original, line);
  if (line < 1 || line > static_cast<std::int64_t>(origins.size())) return "";
  const auto& origin = origins[static_cast<std::size_t>(line - 1)];
  return node::place_of(files[origin.file], origin.line);
}

Result<PreparedDataset> prepare_dataset(const DatasetRequest& request) {
  PreparedDataset prepared;
  Rows rows(request.directory, request.training, request);
  if (auto done = rows.read(); !done) return done.error();
  if (const auto warning = rows.warning(); !warning.empty()) prepared.warnings.push_back(warning);
  if (request.validation.empty() && request.settings.splits) {
    if (auto done = split(rows, request, prepared); !done) return done.error();
    return prepared;
  }
  auto training = whole(rows, request.out / "train.jsonl");
  if (!training) return training.error();
  prepared.training = std::move(*training);
  if (request.validation.empty()) return prepared;
  Rows aside(request.validation_directory, request.validation, request);
  if (auto done = aside.read(); !done) return done.error();
  auto validation = whole(aside, request.out / "validation.jsonl");
  if (!validation) return validation.error();
  prepared.validation = std::move(*validation);
  return prepared;
}

}  // namespace luthier::node
