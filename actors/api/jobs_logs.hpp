// A page of log lines: where it is, and how it is answered.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "actors/rest/answer.hpp"

namespace luthier::api {

inline constexpr std::int64_t log_lines_max = 1'000;  // of a page

struct LogPlace {
  std::int64_t page = 1, limit = 100;
  std::int64_t offset() const { return (page - 1) * limit; }
};
// `cursor` is empty for the first page; 422 for one that cannot be read.
rest::Or<LogPlace> log_place(std::int64_t limit, const std::string& cursor);
// {"data", "total", "next_page", "prev_page"}
rest::Json log_page(const LogPlace& place, rest::Json rows, std::int64_t total);

}  // namespace luthier::api
