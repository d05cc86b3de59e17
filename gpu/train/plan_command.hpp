// luthier plan: what a run would take, for a person or as JSON for a program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

namespace luthier::train {

struct PlanOptions {
  std::filesystem::path model, adapter, data, validation, teacher, out;
  std::filesystem::path config;      // --config; else the settings below, whose defaults are the configuration's own
  std::string peft;                  // --peft lora|full
  std::optional<std::int64_t> rank, batch_size, gradient_accumulation, max_seq_length, epochs, max_steps;
  bool packing = false;
  double memory_gib = 0;             // --memory: of the machine that the run is for; 0: what is free here
  bool probe = true;                 // --no-probe
  bool json = false;
  int threads = 0;
};

// 0: it fits. 2: bad input, or it does not fit: the plan is printed all the same, and the line on `err` says what would.
int plan(const PlanOptions& options, std::ostream& out, std::ostream& err);

}  // namespace luthier::train
