// How a report on a dataset is shown: to programs, to people, and to people in a hurry.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "gpu/text/dataset_report.hpp"

namespace luthier::text {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t bar_columns = 40;
constexpr std::size_t briefly_named_max = 5;

std::int64_t length_from(std::size_t bucket) { return bucket == 0 ? 0 : std::int64_t{1} << bucket; }
std::int64_t length_to(std::size_t bucket) { return (std::int64_t{1} << (bucket + 1)) - 1; }

ordered_json json_of(const RowSource& source, const RowPlace& place) {
  return {{"file", source.files()[place.file].string()}, {"row", place.line}};
}

ordered_json json_of(const RowSource& source, const NotedRows& rows) {
  auto first = ordered_json::array();
  for (const auto& place : rows.first) first.push_back(json_of(source, place));
  return {{"count", rows.count}, {"first", std::move(first)}};
}

ordered_json json_of(const RowSource& source, const Duplicates& duplicates) {
  auto first = ordered_json::array();
  for (const auto& pair : duplicates.first) {
    auto row = json_of(source, pair.row);
    row["same_as"] = json_of(source, pair.same_as);
    first.push_back(std::move(row));
  }
  return {{"count", duplicates.count}, {"first", std::move(first)}};
}

// Terminals obey control characters, and these come from a file.
std::string harmless(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool is_c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_c1) ++i;
    if (is_c1 || (c < ' ' && c != '\n' && c != '\t') || c == 0x7F)
      shown += "?";
    else
      shown += text[i];
  }
  return shown;
}

std::string right(std::int64_t number, std::size_t columns) {
  const auto digits = std::to_string(number);
  return std::string(columns > digits.size() ? columns - digits.size() : 0, ' ') + digits;
}

std::string histogram(const DatasetSummary& summary) {
  const auto& counts = summary.lengths;
  const auto most = *std::max_element(counts.begin(), counts.end());
  std::string text;
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    if (counts[bucket] == 0) continue;
    const auto columns = counts[bucket] * bar_columns / most;
    text += "  " + right(length_from(bucket), 8) + " – " + right(length_to(bucket), 8) + "  " + right(counts[bucket], 10) + "  ";
    for (std::int64_t i = 0; i < columns; ++i) text += "█";
    text += columns == 0 ? "▏\n" : "\n";
  }
  return text;
}

// "row 3", "rows 3, 7 and 9", "rows 3, 7, 9 …": the file's name as well, where there are several.
std::string named(const RowSource& source, const std::vector<RowPlace>& places, std::int64_t count, std::size_t named_max) {
  const auto shown = std::min(places.size(), named_max);
  const bool all = static_cast<std::int64_t>(shown) == count;
  std::string text = count == 1 ? "row " : "rows ";
  for (std::size_t i = 0; i < shown; ++i) {
    text += i == 0 ? "" : all && i + 1 == shown ? " and " : ", ";
    text += std::to_string(places[i].line);
    if (source.files().size() > 1) text += " of " + source.files()[places[i].file].filename().string();
  }
  return all ? text : text + " …";
}

std::vector<RowPlace> rows_of(const Duplicates& duplicates) {
  std::vector<RowPlace> rows;
  for (const auto& pair : duplicates.first) rows.push_back(pair.row);
  return rows;
}

std::string line_of(const RowSource& source, const char* what, const std::vector<RowPlace>& places, std::int64_t count) {
  if (count == 0) return "";
  return std::string(what) + ": " + std::to_string(count) + " (" + named(source, places, count, NotedRows::first_max) + ")\n";
}

std::string title_of(const RowSource& source) {
  if (source.files().size() == 1) return source.files().front().string();
  std::string title;
  for (const auto& file : source.files()) title += (title.empty() ? "" : ", ") + file.string();
  return title;
}

std::string counted(std::int64_t count, const char* one, const char* more) { return std::to_string(count) + " " + (count == 1 ? one : more); }

}  // namespace

ordered_json json_of(const DatasetReport& report) {
  const RowSource& source = report.source;
  const DatasetSummary& s = source.summary();
  ordered_json json;
  auto files = ordered_json::array();
  for (const auto& file : source.files()) files.push_back(file.string());
  if (files.size() == 1) json["file"] = files[0];
  else json["files"] = files;
  json.update(ordered_json{{"kind", to_string(source.kind())},
                           {"sha256", source.digest()},
                           {"rows", s.rows_read},
                           {"rows_left_out", s.left_out.count},
                           {"tokens", s.tokens},
                           {"supervised_tokens", s.supervised_tokens},
                           {"tokens_cut", s.tokens_cut},
                           {"longest", s.length_max}});
  json["lengths"] = ordered_json::array();
  for (std::size_t bucket = 0; bucket < s.lengths.size(); ++bucket)
    if (s.lengths[bucket] > 0) json["lengths"].push_back({{"from", length_from(bucket)}, {"to", length_to(bucket)}, {"rows", s.lengths[bucket]}});
  json["truncated"] = json_of(source, s.truncated);
  json["duplicates"] = json_of(source, report.duplicates);
  json["untrained"] = json_of(source, s.left_out);
  json["sample"] = ordered_json::array();
  for (const auto& piece : report.sample) json["sample"].push_back({{"text", piece.text}, {"trained", piece.learnt}});
  return json;
}

std::string text_of(const DatasetReport& report, bool coloured) {
  const RowSource& source = report.source;
  const DatasetSummary& s = source.summary();
  std::string text = title_of(source) + ": " + counted(s.rows_read, "row", "rows") + " of the kind " + to_string(source.kind()) + ", " +
                     counted(s.tokens, "token", "tokens") + ", " + std::to_string(s.supervised_tokens) + " trained\n";
  text += "lengths in tokens, before cutting:\n" + histogram(s);
  text += line_of(source, "truncated", s.truncated.first, s.truncated.count);
  text += line_of(source, "without a trained token, left out", s.left_out.first, s.left_out.count);
  text += line_of(source, "the same as an earlier row", rows_of(report.duplicates), report.duplicates.count);
  if (report.sample.empty()) return text;
  text += "the first row, what is trained " + std::string(coloured ? "in green" : "in ⟦ ⟧") + ":\n";
  for (const auto& piece : report.sample) {
    const auto shown = harmless(piece.text);
    text += !piece.learnt ? shown : coloured ? "\033[32m" + shown + "\033[0m" : "⟦" + shown + "⟧";
  }
  return text + "\n";
}

std::string brief_of(const RowSource& source, const Duplicates& duplicates) {
  const DatasetSummary& s = source.summary();
  std::string text = title_of(source) + ": " + counted(s.rows_read, "row", "rows") + ", " + counted(s.tokens, "token", "tokens") + ", " +
                     std::to_string(s.supervised_tokens) + " trained, the longest row " + std::to_string(s.length_max);
  std::string more;
  const auto add = [&](std::int64_t count, const char* what, const std::vector<RowPlace>& places) {
    if (count > 0) more += (more.empty() ? "; " : ", ") + std::to_string(count) + " " + what + " (" + named(source, places, count, briefly_named_max) + ")";
  };
  add(s.truncated.count, "truncated", s.truncated.first);
  add(s.left_out.count, "without a trained token", s.left_out.first);
  add(duplicates.count, "the same as an earlier one", rows_of(duplicates));
  return text + more;
}

}  // namespace luthier::text
