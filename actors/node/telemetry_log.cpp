#include "actors/node/telemetry_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "events/base/file.hpp"
#include "events/json/value.hpp"

namespace luthier::node {
namespace {

constexpr std::int64_t lines_per_mark = 256;
constexpr std::size_t piece_bytes = 256 * 1024;

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags) : value_(::open(file.c_str(), flags | O_CLOEXEC, 0600)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  explicit operator bool() const { return value_ >= 0; }
  int get() const { return value_; }
  std::int64_t size() const {
    struct stat state {};
    return ::fstat(value_, &state) == 0 ? static_cast<std::int64_t>(state.st_size) : 0;
  }

 private:
  const int value_;
};

Result<void> write_all(int file, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error(path, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Whole lines from `offset` on, without their ends. The visitor says whether it wants more.
using Visit = std::function<bool(std::string_view line, std::int64_t offset)>;
void each_line(int file, std::int64_t offset, std::int64_t end, const Visit& visit) {
  std::string buffer;
  std::int64_t read_to = offset;
  while (true) {
    std::size_t start = 0;
    for (auto newline = buffer.find('\n'); newline != buffer.npos; newline = buffer.find('\n', start)) {
      if (!visit(std::string_view(buffer).substr(start, newline - start), offset + static_cast<std::int64_t>(start))) return;
      start = newline + 1;
    }
    buffer.erase(0, start);
    offset += static_cast<std::int64_t>(start);
    if (read_to >= end) return;
    const auto before = buffer.size();
    buffer.resize(before + std::min<std::size_t>(piece_bytes, static_cast<std::size_t>(end - read_to)));
    const auto count = ::pread(file, buffer.data() + before, buffer.size() - before, read_to);
    buffer.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count <= 0) return;
    read_to += count;
  }
}

// The columns in this order; what finds a value in a line without reading all of it relies on that.
std::string text_of(const api::LogLine& line) {
  std::string text = "{\"timestamp\":";
  json::append(text, std::string_view(line.timestamp));
  const std::pair<const char*, const std::string*> columns[] = {
      {"attempt", &line.attempt}, {"job", &line.job}, {"step", &line.step}, {"task", &line.task}, {"message", &line.message}};
  for (const auto& [name, value] : columns) {
    text.append(",\"").append(name).append("\":");
    json::append(text, std::string_view(*value));
  }
  return text += "}\n";
}

// A column with its value as it stands in the text of a line. A quote inside a value is escaped there, so that no value can look like it.
std::string pattern_of(const std::string& column, const std::string& value) {
  std::string text = column == "timestamp" ? "{\"timestamp\":" : ",\"" + column + "\":";
  json::append(text, std::string_view(value));
  return text += column == "message" ? '}' : ',';
}

std::string text_at(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member && member->text() ? *member->text() : "";
}

api::LogLine line_of(std::string_view text) {
  const auto value = json::parse(text);
  if (!value) return {};
  return {text_at(*value, "timestamp"), text_at(*value, "attempt"), text_at(*value, "job"), text_at(*value, "step"), text_at(*value, "task"),
          text_at(*value, "message")};
}

bool is_whole(std::string_view line) { return line.starts_with('{') && line.ends_with('}'); }

std::string_view timestamp_in(std::string_view line) {
  constexpr std::string_view head = "{\"timestamp\":\"";
  if (!line.starts_with(head)) return {};
  return line.substr(head.size(), line.find('"', head.size()) - head.size());
}

}  // namespace

Result<void> TelemetryLog::append(const std::vector<api::LogLine>& lines) {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& line : lines) text += text_of(line);
  const Descriptor file(file_, O_RDWR | O_APPEND | O_CREAT);
  if (!file) return file_error(file_, errno);
  const auto size = file.size();
  char last = '\n';
  if (size > 0 && ::pread(file.get(), &last, 1, size - 1) == 1 && last != '\n') text.insert(0, "\n");  // a crash has cut it off
  if (auto ok = write_all(file.get(), text, file_); !ok) return ok;
  if (size + static_cast<std::int64_t>(text.size()) > bytes_max_) drop_older_half();
  return {};
}

api::LogPage TelemetryLog::query(const api::LogQuery& query) {
  const std::lock_guard lock(mutex_);
  api::LogPage page;
  index();
  const Descriptor file(file_, O_RDONLY);
  if (!file) return page;
  std::vector<std::string> patterns;
  for (const auto& [column, value] : query.where) patterns.push_back(pattern_of(column, value));
  const auto fits = [&](std::string_view line) {
    return std::all_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return line.find(pattern) != line.npos; });
  };
  if (!is_sorted_) {
    std::vector<Found> found;
    each_line(file.get(), 0, indexed_bytes_, [&](std::string_view line, std::int64_t) {
      if (is_whole(line) && fits(line)) found.push_back({std::string(timestamp_in(line)), std::string(line)});
      return true;
    });
    std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.timestamp < b.timestamp; });
    page.total = std::ssize(found);
    for (auto i = query.offset; i < page.total && i - query.offset < query.limit; ++i)
      page.lines.push_back(line_of(found[static_cast<std::size_t>(i)].line));
    return page;
  }
  std::int64_t place = 0, start = 0;
  if (patterns.empty()) {
    page.total = lines_;
    const auto mark = query.offset / lines_per_mark;
    if (query.offset >= lines_ || mark >= std::ssize(marks_)) return page;
    place = mark * lines_per_mark;
    start = marks_[static_cast<std::size_t>(mark)];
  }
  each_line(file.get(), start, indexed_bytes_, [&](std::string_view line, std::int64_t) {
    if (!is_whole(line) || !fits(line)) return true;
    if (place >= query.offset && place - query.offset < query.limit) page.lines.push_back(line_of(line));
    ++place;
    return !patterns.empty() || place - query.offset < query.limit;
  });
  if (!patterns.empty()) page.total = place;
  return page;
}

void TelemetryLog::remove() {
  const std::lock_guard lock(mutex_);
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
  forget_index();
}

void TelemetryLog::index() {
  const Descriptor file(file_, O_RDONLY);
  if (!file) return forget_index();
  const auto size = file.size();
  if (size < indexed_bytes_) forget_index();
  each_line(file.get(), indexed_bytes_, size, [&](std::string_view line, std::int64_t offset) {
    count(line, offset);
    return true;
  });
}

void TelemetryLog::count(std::string_view line, std::int64_t offset) {
  indexed_bytes_ = offset + static_cast<std::int64_t>(line.size()) + 1;
  if (!is_whole(line)) return;
  if (lines_ % lines_per_mark == 0) marks_.push_back(offset);
  ++lines_;
  const auto timestamp = timestamp_in(line);
  if (timestamp < last_timestamp_) is_sorted_ = false;
  else last_timestamp_ = timestamp;
}

void TelemetryLog::drop_older_half() {
  const Descriptor file(file_, O_RDONLY);
  if (!file) return;
  const auto temporary = std::filesystem::path(file_) += ".shorter";
  {
    const Descriptor kept(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!kept) return;
    std::string text;
    bool is_first = true, failed = false;  // the first line may begin in the middle
    each_line(file.get(), file.size() - bytes_max_ / 2, file.size(), [&](std::string_view line, std::int64_t) {
      if (!is_first) text.append(line) += '\n';
      is_first = false;
      if (text.size() >= piece_bytes) {
        failed = failed || !write_all(kept.get(), text, temporary);
        text.clear();
      }
      return !failed;
    });
    if (failed || !write_all(kept.get(), text, temporary)) return;
  }
  std::error_code ignored;
  std::filesystem::rename(temporary, file_, ignored);
  forget_index();
}

void TelemetryLog::forget_index() {
  indexed_bytes_ = lines_ = 0;
  marks_.clear();
  is_sorted_ = true;
  last_timestamp_.clear();
}

}  // namespace luthier::node
