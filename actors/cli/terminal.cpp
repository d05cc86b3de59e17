#include "actors/cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "events/base/ids.hpp"
#include "events/json/utf8.hpp"

namespace luthier::cli {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

// A raster of braille characters, two dots wide and four high each.
class Dots {
 public:
  Dots(int columns, int lines) : columns_(columns), cells_(static_cast<std::size_t>(columns * lines), 0) {}
  int width() const { return columns_ * 2; }
  int height() const { return static_cast<int>(cells_.size()) / columns_ * 4; }
  void set(int x, int y) {
    constexpr std::array<std::array<unsigned, 2>, 4> bits{{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    cells_[static_cast<std::size_t>(y / 4 * columns_ + x / 2)] |= bits[static_cast<std::size_t>(y % 4)][static_cast<std::size_t>(x % 2)];
  }
  void line(int x0, int y0, int x1, int y1) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i)
      set(static_cast<int>(std::lround(x0 + (x1 - x0) * double(i) / steps)), static_cast<int>(std::lround(y0 + (y1 - y0) * double(i) / steps)));
  }
  std::string text(int line) const {
    std::string text;
    for (int column = 0; column < columns_; ++column) {
      const auto bits = cells_[static_cast<std::size_t>(line * columns_ + column)];
      text += '\xE2';  // U+2800 and the dots, as UTF-8
      text += static_cast<char>(0xA0 | (bits >> 6));
      text += static_cast<char>(0x80 | (bits & 0x3F));
    }
    return text;
  }

 private:
  int columns_;
  std::vector<unsigned> cells_;
};

struct Range {
  double low, high;
  double place(double value) const { return high > low ? (value - low) / (high - low) : 0.5; }
};

Range range_of(const std::vector<Point>& points, double Point::*member) {
  Range range{points[0].*member, points[0].*member};
  for (const auto& point : points) {
    range.low = std::min(range.low, point.*member);
    range.high = std::max(range.high, point.*member);
  }
  return range;
}

std::string padded_left(const std::string& text, std::size_t columns) {
  const auto has = columns_of(text);
  return has < columns ? std::string(columns - has, ' ') + text : text;
}

}  // namespace

Terminal Terminal::of(int descriptor) {
  Terminal terminal;
  terminal.is_terminal = ::isatty(descriptor) == 1;
  winsize size{};
  if (terminal.is_terminal && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) terminal.width = size.ws_col;
  return terminal;
}

std::string progress_bar(double fraction, int width) {
  static constexpr std::array<const char*, 8> eighths{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!std::isfinite(fraction)) fraction = 0;
  const auto full = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * width * 8));
  std::string bar;
  for (int column = 0; column < width; ++column) {
    const int filled = std::clamp(full - column * 8, 0, 8);
    bar += filled == 8 ? "█" : eighths[static_cast<std::size_t>(filled)];
  }
  return bar;
}

std::string Table::text(int width) const {
  std::vector<std::size_t> widths(rows_[0].size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < std::min(row.size(), widths.size()); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < std::min(row.size(), widths.size()); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - columns_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += (width > 0 ? cut_to(line, static_cast<std::size_t>(width)) : line) + "\n";
  }
  return text;
}

std::vector<std::string> curve(const std::vector<Point>& given, int width, int height, std::string_view x_name) {
  std::vector<Point> points;
  for (const auto& point : given)
    if (std::isfinite(point.x) && std::isfinite(point.y)) points.push_back(point);
  if (points.size() < 2 || height < 2) return {};
  const auto x = range_of(points, &Point::x);
  const auto y = range_of(points, &Point::y);
  const auto top = number_text(y.high, 3), bottom = number_text(y.low, 3);
  const auto margin = std::max({columns_of(top), columns_of(bottom), std::size_t{4}});
  Dots dots(std::max(4, width - static_cast<int>(margin) - 2), height);
  const auto column = [&](const Point& point) { return static_cast<int>(std::lround(x.place(point.x) * (dots.width() - 1))); };
  const auto row = [&](const Point& point) { return static_cast<int>(std::lround((1 - y.place(point.y)) * (dots.height() - 1))); };
  for (std::size_t i = 1; i < points.size(); ++i)
    dots.line(column(points[i - 1]), row(points[i - 1]), column(points[i]), row(points[i]));

  std::vector<std::string> lines;
  for (int line = 0; line < height; ++line) {
    const auto label = line == 0 ? top : line == height - 1 ? bottom : "";
    lines.push_back(padded_left(label, margin) + (line == height - 1 ? " └" : " │") + dots.text(line));
  }
  const auto from = number_text(x.low, 6), to = std::string(x_name) + " " + number_text(x.high, 6);
  const auto gap = static_cast<std::size_t>(dots.width() / 2);
  const auto used = from.size() + columns_of(to);
  lines.push_back(std::string(margin + 2, ' ') + from + std::string(gap > used ? gap - used : 1, ' ') + to);
  return lines;
}

std::size_t columns_of(std::string_view text) { return json::count_code_points(json::repaired_utf8(text)); }

std::string cut_to(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  std::string cut;
  for (std::size_t used = 0; used + 1 < columns && !text.empty(); ++used) {
    const auto bytes = std::max<std::size_t>(1, json::code_point_bytes(text));
    cut += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return cut + "…";
}

std::string printable(std::string_view text) {
  auto safe = json::repaired_utf8(text);
  for (char& c : safe)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) c = '?';
  return safe;
}

std::string bytes_text(std::int64_t bytes) {
  static constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) value /= 1024, ++unit;
  return formatted(unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

std::string count_text(std::int64_t count) {
  static constexpr std::array<const char*, 5> units{"", "K", "M", "B", "T"};
  double value = static_cast<double>(count);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) value /= 1000, ++unit;
  return unit == 0 ? std::to_string(count) : formatted("%.1f%s", value, units[unit]);
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto whole = static_cast<long long>(std::min(seconds, 1e12) + 0.5);
  if (whole < 3600) return formatted("%lld:%02lld", whole / 60, whole % 60);
  return formatted("%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string number_text(double value, int digits) { return formatted("%.*g", digits, value); }

std::string age_text(std::string_view time, std::int64_t now_us) {
  const auto parsed = parse_time(time);
  if (!parsed) return "";
  const auto seconds = std::max<std::int64_t>(0, now_us - *parsed) / 1'000'000;
  if (seconds < 100) return std::to_string(seconds) + " s";
  if (seconds < 6000) return std::to_string(seconds / 60) + " min";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " d";
}

}  // namespace luthier::cli
