#include "gpu/train/process_memory.hpp"

#include <malloc.h>

#include <fstream>
#include <limits>
#include <string>

namespace luthier::train {
namespace {

std::size_t status_member(const std::string& name) {
  std::ifstream in("/proc/self/status");
  std::string word;
  while (in >> word) {
    std::size_t kibibytes = 0;
    if (word == name && in >> kibibytes) return kibibytes * 1024;
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

}  // namespace

std::size_t resident_memory_bytes() { return status_member("VmRSS:"); }
std::size_t peak_memory_bytes() { return status_member("VmHWM:"); }

void return_free_memory() { ::malloc_trim(0); }

}  // namespace luthier::train
