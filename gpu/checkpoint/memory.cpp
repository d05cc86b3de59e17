#include "gpu/checkpoint/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

namespace luthier::checkpoint {
namespace {

constexpr std::size_t huge_pages_min = std::size_t{32} << 20;
constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

// The number after `key` in a file of "key number" lines; `otherwise` when there is none.
std::uint64_t number_after(const std::filesystem::path& file, const std::string& key, std::uint64_t otherwise) {
  std::ifstream in(file);
  std::string word;
  std::uint64_t value = 0;
  while (in >> word)
    if (word == key && in >> value) return value;
  return otherwise;
}

std::uint64_t number_in(const std::filesystem::path& file, std::uint64_t otherwise) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  return in >> value ? value : otherwise;  // "max" is no number
}

struct GroupFiles {
  const char *limit, *used, *cache;
};
constexpr GroupFiles version2{"memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles version1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

std::uint64_t room_in_group(const std::filesystem::path& group, const GroupFiles& files) {
  const auto limit = number_in(group / files.limit, unlimited);
  if (limit == unlimited) return unlimited;
  const auto used = number_in(group / files.used, 0);
  const auto cache = number_after(group / "memory.stat", files.cache, 0);
  const auto held = used - std::min(used, cache);
  return limit - std::min(limit, held);
}

// A limit of any group above ours holds for us as well.
std::uint64_t room_in_groups(std::filesystem::path group, const std::filesystem::path& root, const GroupFiles& files) {
  auto room = room_in_group(root, files);
  for (; group.string().size() > root.string().size(); group = group.parent_path())
    room = std::min(room, room_in_group(group, files));
  return room;
}

std::uint64_t room_in_our_groups() {
  auto room = unlimited;
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // "0::/path" or "9:memory:/path"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto path = std::filesystem::path(line.substr(second + 1)).relative_path();
    const std::filesystem::path root2 = "/sys/fs/cgroup", root1 = "/sys/fs/cgroup/memory";
    if (controllers.empty()) room = std::min(room, room_in_groups(root2 / path, root2, version2));
    if (("," + controllers + ",").find(",memory,") != std::string::npos)
      room = std::min(room, room_in_groups(root1 / path, root1, version1));
  }
  return room;
}

std::string gibibytes(std::size_t bytes) {
  char text[32];
  const double amount = static_cast<double>(bytes) / (1ull << 30);
  std::snprintf(text, sizeof text, amount < 0.1 ? "%.4f GiB" : "%.1f GiB", amount);
  return text;
}

}  // namespace

std::size_t free_memory_bytes() {
  const auto available = number_after("/proc/meminfo", "MemAvailable:", unlimited / 1024);  // in KiB
  return std::min(available * 1024, room_in_our_groups());
}

Result<void> check_memory(std::size_t needed, const std::string& what, std::size_t limit) {
  const auto free = limit == 0 ? free_memory_bytes() : limit;
  if (needed <= free) return {};
  return Error{ErrorCode::out_of_memory, what + " needs " + gibibytes(needed) + ", " + gibibytes(free) + " are free", {}};
}

Result<std::shared_ptr<float[]>> allocate_floats(std::size_t count, const std::string& what) {
  const auto bytes = std::max<std::size_t>(count, 1) * sizeof(float);
  if (count > unlimited / sizeof(float)) return check_memory(unlimited, what, 1).error();
  if (auto enough = check_memory(bytes, what); !enough) return enough.error();
  // Fresh pages are zero already, and huge ones make both the first touch and every later matrix product cheaper. Of a few megabytes they
  // are not worth the time that the system may spend on moving others together.
  void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return check_memory(bytes, what, 1).error();
  if (bytes >= huge_pages_min) ::madvise(start, bytes, MADV_HUGEPAGE);
  return std::shared_ptr<float[]>(static_cast<float*>(start), [bytes](float* floats) { ::munmap(floats, bytes); });
}

}  // namespace luthier::checkpoint
