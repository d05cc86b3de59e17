#include "actors/worker/devices.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "events/base/file.hpp"

namespace luthier::worker {
namespace {

constexpr std::size_t text_bytes_max = 4 << 20;

std::string text_of(const std::filesystem::path& file) {
  auto text = read_text(file, text_bytes_max);
  return text ? std::move(*text) : "";
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

// The value of the first line "name : value".
std::string_view value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && trimmed(line.substr(0, colon)) == name) return trimmed(line.substr(colon + 1));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return "";
}

std::set<std::string, std::less<>> words_of(std::string_view text) {
  std::set<std::string, std::less<>> words;
  while (!(text = trimmed(text)).empty()) {
    const auto word = text.substr(0, text.find(' '));
    words.emplace(word);
    text.remove_prefix(word.size());
  }
  return words;
}

std::optional<std::int64_t> number_of(std::string_view text) {
  text = trimmed(text);
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr == text.data()) return std::nullopt;
  return number;
}

void lower(std::optional<std::int64_t>& limit, std::optional<std::int64_t> other) {
  // Version 1 says "no limit" with a number near the largest there is.
  if (other && *other < (std::int64_t{1} << 60)) limit = std::min(limit.value_or(*other), *other);
}

std::int64_t usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max<std::int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
}

}  // namespace

CpuDescription describe_cpu(std::string_view cpuinfo) {
  CpuDescription cpu;
  cpu.model = value_of(cpuinfo, "model name");
  if (cpu.model.empty()) cpu.model = "unknown CPU";
  const auto flags = words_of(value_of(cpuinfo, "flags"));
  const auto has_all = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::all_of(names, [&](std::string_view name) { return flags.contains(name); });
  };
  const bool has_avx512 = has_all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  if (has_avx512 && flags.contains("avx512_bf16")) cpu.instruction_set = "avx512_bf16";
  else if (has_avx512) cpu.instruction_set = "avx512";
  else if (has_all({"avx2", "fma"})) cpu.instruction_set = "avx2";
  else cpu.instruction_set = "x86-64";
  return cpu;
}

std::optional<std::int64_t> memory_total(std::string_view meminfo) {
  const auto kib = number_of(value_of(meminfo, "MemTotal"));
  return kib ? std::optional(*kib * 1024) : std::nullopt;
}

std::optional<std::int64_t> memory_limit(std::string_view own_groups, const std::filesystem::path& root) {
  std::optional<std::int64_t> limit;
  lower(limit, number_of(text_of(root / "memory" / "memory.limit_in_bytes")));
  // "0::/user.slice/session.scope": every level may have a limit of its own.
  const auto start = own_groups.find("0::/");
  if (start == std::string_view::npos) return limit;
  const auto line = own_groups.substr(start + 4, own_groups.find('\n', start) - start - 4);
  auto group = (root / std::string(line)).lexically_normal();
  for (int levels = 0; levels < 64; ++levels) {
    lower(limit, number_of(text_of(group / "memory.max")));
    if (group == root || group == group.parent_path()) break;
    group = group.parent_path();
  }
  return limit;
}

std::vector<events::Device> find_devices() {
  const auto cpu = describe_cpu(text_of("/proc/cpuinfo"));
  auto memory = memory_total(text_of("/proc/meminfo"));
  lower(memory, memory_limit(text_of("/proc/self/cgroup"), "/sys/fs/cgroup"));
  return {{"cpu", "cpu", cpu.model, cpu.instruction_set, memory.value_or(0), usable_cores()}};
}

}  // namespace luthier::worker
