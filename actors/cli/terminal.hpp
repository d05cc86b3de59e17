// What is drawn in a terminal: pure functions from values to text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::cli {

struct Terminal {
  bool is_terminal = false;  // a person looks at it: lines may be drawn anew
  int width = 80;
  static Terminal of(int descriptor);  // of stdout, stderr
};

// "██████▌   ": `width` columns, in eighths.
std::string progress_bar(double fraction, int width);

// Columns as wide as their longest cell, two blanks between; the last one is cut at `width` (0: never).
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::size_t size() const { return rows_.size() - 1; }
  std::string text(int width = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

struct Point {
  double x = 0, y = 0;
};
// A curve of braille dots with its axes, `height` lines high; not finite points are left out. Empty without two points.
std::vector<std::string> curve(const std::vector<Point>& points, int width, int height, std::string_view x_name);

std::size_t columns_of(std::string_view text);  // code points of UTF-8
std::string cut_to(std::string_view text, std::size_t columns);  // with "…" where something is missing
std::string printable(std::string_view text);   // control characters, which could steer a terminal, become "?"

std::string bytes_text(std::int64_t bytes);       // "1.5 GiB"
std::string count_text(std::int64_t count);       // "134.5M"
std::string duration_text(double seconds);        // "1:05", "2:03:04"
std::string number_text(double value, int digits);  // significant digits, no exponent where it can be avoided
// How long ago a time as the server writes it was: "5 s", "3 min", "2 h", "4 d"; "" when it is none.
std::string age_text(std::string_view time, std::int64_t now_us);

}  // namespace luthier::cli
