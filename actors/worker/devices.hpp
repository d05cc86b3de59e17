// What this machine can compute on. The CPU counts as one device; this build has no others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/worker/events.hpp"

namespace luthier::worker {

std::vector<events::Device> find_devices();

// The parts, each of a text that the kernel shows.
struct CpuDescription {
  std::string model;            // "AMD EPYC 9R14"
  std::string instruction_set;  // "avx512_bf16", "avx512", "avx2" or "x86-64"
};
CpuDescription describe_cpu(std::string_view cpuinfo);
std::optional<std::int64_t> memory_total(std::string_view meminfo);
// The smallest limit of the control groups that this process is in; nullopt: none has one. `root` is /sys/fs/cgroup.
std::optional<std::int64_t> memory_limit(std::string_view own_groups, const std::filesystem::path& root);

}  // namespace luthier::worker
