// How fast whole training steps are on this machine: forward, backward and AdamW over random tokens, every token in the
// loss, as other engines' benchmarks have it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

#include "events/base/result.hpp"

namespace luthier::train {

struct ThroughputOptions {
  std::filesystem::path model;
  bool full = false;           // all weights; else LoRA on all linear layers
  bool lean = false;           // with the least memory: activations are computed again, AdamW's moments are bf16, and all weights are updated
                               // layer by layer, without clipping
  std::int64_t rank = 16;
  bool bfloat16 = false;       // products in bf16
  std::int64_t batch = 4, length = 256;
  int repetitions = 3;         // measured, after one that is not
  int threads = 0;             // 0: OpenMP's choice
};

struct Throughput {
  std::string name;                     // "lora r16 4x256", "… bf16", "… lean"
  double min = 0, median = 0, max = 0;  // tokens/s by the clock
  double core = 0;                      // tokens per second of CPU time: holds on a machine that others use
  double gflops = 0;                    // of the median: 4 (LoRA) or 6 (full) per weight in a product and token
  double forward_seconds = 0, backward_seconds = 0, update_seconds = 0;  // medians; the head counts as forward
  std::int64_t threads = 0;
  std::int64_t peak_rss_mib = 0;
};

Result<Throughput> measure_throughput(const ThroughputOptions& options);

void print_throughput(const Throughput& row, std::ostream& out);
std::string throughput_json(const Throughput& row);

// luthier engine bench train: measures, prints a line for people or one of JSON for programs; the exit code.
int throughput(const ThroughputOptions& options, bool json, std::ostream& out, std::ostream& err);

}  // namespace luthier::train
