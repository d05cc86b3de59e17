// Whether a file holds training rows: one JSON object a line, all of one kind. The engine looks again, with the model's own
// tokenizer and template, before a job is accepted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "events/base/result.hpp"

namespace luthier::cli {

struct RowsFound {
  std::string kind;  // "prompt/completion", "messages", "preference", "embedding" or "input_ids"
  std::int64_t rows = 0;
};
// The first bad row is named: "FILE: row N: why", lines counted from 1.
Result<RowsFound> check_rows(const std::filesystem::path& file);

}  // namespace luthier::cli
