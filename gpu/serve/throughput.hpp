// How fast an engine serves on this machine: the same figures that other engines' benchmarks give.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/panels.hpp"

namespace luthier::serve {

struct ThroughputOptions {
  std::filesystem::path model;
  int threads = 0;
  int repetitions = 5;
  int prompt_tokens = 512;   // of the prompt measurement
  int decode_tokens = 64;    // per sequence, after prompts of 32
  int sequences = 8;         // of a batch
  WeightsKept weights = WeightsKept::as_stored;
  int adapter_rank = 8;      // random adapters on all linear layers, one for each sequence
};

struct Throughput {
  std::string name;
  double min = 0, median = 0, max = 0;  // tokens/s
};

Result<std::vector<Throughput>> measure_throughput(const ThroughputOptions& options);

// A table for people and one line of JSON for programs.
void print_throughput(const std::vector<Throughput>& rows, std::ostream& table);
std::string throughput_json(const std::vector<Throughput>& rows);

}  // namespace luthier::serve
