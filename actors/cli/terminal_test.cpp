#include "actors/cli/terminal.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "events/base/ids.hpp"

namespace luthier::cli {

TEST_CASE("a progress bar fills in eighths and keeps its width") {
  CHECK(progress_bar(0, 4) == "    ");
  CHECK(progress_bar(0.5, 4) == "██  ");
  CHECK(progress_bar(1, 4) == "████");
  CHECK(progress_bar(1.0 / 32, 4) == "▏   ");
  CHECK(progress_bar(7.0, 4) == "████");
  CHECK(progress_bar(-1, 2) == "  ");
  CHECK(progress_bar(NAN, 2) == "  ");
  for (int i = 0; i <= 100; ++i) CHECK(columns_of(progress_bar(i / 100.0, 17)) == 17);
}

TEST_CASE("a table lines its columns up, also with letters that take several bytes") {
  Table table({"NAME", "STATUS"});
  table.add({"größe", "ok"});
  table.add({"a", "a long status"});
  CHECK(table.text() ==
        "NAME   STATUS\n"
        "größe  ok\n"
        "a      a long status\n");
  CHECK(table.text(12) ==
        "NAME   STAT…\n"
        "größe  ok\n"
        "a      a lo…\n");
  CHECK(table.size() == 2);
}

TEST_CASE("a falling loss is drawn from the upper left to the lower right") {
  std::vector<Point> points;
  for (int i = 1; i <= 30; ++i) points.push_back({double(i), 4.0 / i});
  const auto lines = curve(points, 40, 5, "step");
  REQUIRE(lines.size() == 6);
  CHECK(lines[0].find("    4 │") == 0);
  CHECK(lines[4].find("0.133 └") == 0);
  for (int i = 0; i < 5; ++i) CHECK(columns_of(lines[i]) == 40);
  const std::string blank = "⠀";
  const auto cell = [&](int line, std::size_t column) { return lines[line].substr(lines[line].find(line == 4 ? "└" : "│") + 3 + column * 3, 3); };
  CHECK(cell(0, 0) != blank);
  CHECK(cell(0, 32) == blank);
  CHECK(cell(4, 0) == blank);
  CHECK(cell(4, 32) != blank);
  CHECK(lines[5].find("1") != std::string::npos);
  CHECK(lines[5].find("step 30") != std::string::npos);
}

TEST_CASE("a curve of nothing, one point, equal points and broken numbers is harmless") {
  CHECK(curve({}, 40, 5, "step").empty());
  CHECK(curve({{1, 1}}, 40, 5, "step").empty());
  CHECK(curve({{1, NAN}, {2, INFINITY}, {3, 1}}, 40, 5, "step").empty());
  CHECK(curve({{1, 1}, {1, 1}}, 40, 5, "step").size() == 6);
  CHECK(curve({{1, 1}, {2, 2}}, 1, 2, "step").size() == 3);
}

TEST_CASE("numbers are written for people") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(bytes_text(134'217'728) == "128 MiB");
  CHECK(count_text(999) == "999");
  CHECK(count_text(134'515'008) == "134.5M");
  CHECK(duration_text(65.2) == "1:05");
  CHECK(duration_text(7384) == "2:03:04");
  CHECK(duration_text(-1) == "?");
  CHECK(number_text(0.000123456, 3) == "0.000123");
  const auto now = *parse_time("2026-11-23T20:15:04Z");
  CHECK(age_text("2026-11-23T20:15:00.5Z", now) == "3 s");
  CHECK(age_text("2026-11-23T20:00:00Z", now) == "15 min");
  CHECK(age_text("2026-11-20T20:00:00Z", now) == "3 d");
  CHECK(age_text("yesterday", now).empty());
}

TEST_CASE("text from elsewhere cannot steer the terminal") {
  CHECK(printable("a\x1b[31mb\tc\n") == "a?[31mb\tc\n");
  CHECK(columns_of(cut_to("größer als das", 6)) == 6);
  CHECK(cut_to("kurz", 6) == "kurz");
}

}  // namespace luthier::cli
