// Asks a served model for the answer of each chat row and counts how often it is exactly the row's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::cli {

struct EvaluateOptions {
  std::string endpoint;  // "http://127.0.0.1:8080"
  std::string model;     // "default/smol" or "default--kind"
  std::filesystem::path data;  // JSONL, rows {"messages": […, {"role": "assistant", "content": the answer}]}
  int concurrency = 8;
  int tokens_max = 8;
  std::size_t rows_max = 100'000;
};

struct Sample {
  std::string question, expected, answered;
};

struct Evaluation {
  std::int64_t rows = 0, exact = 0;
  double seconds = 0;
  std::vector<Sample> samples;  // the first few
};

// Greedy answers, compared after trimming blanks. A request that fails ends it, naming the row.
Result<Evaluation> evaluate(const EvaluateOptions& options, const std::function<void(std::int64_t done, std::int64_t of)>& progress);

}  // namespace luthier::cli
