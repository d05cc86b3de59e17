// For tests: a directory that goes when the test ends, and small programs to run in it.
#pragma once

#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "events/base/temporary_directory.hpp"

namespace luthier::worker {

class Scratch {
 public:
  std::filesystem::path script(const std::string& name, const std::string& body) const {
    write(name, "#!/bin/bash\n" + body);
    ::chmod((root / name).c_str(), 0700);
    return root / name;
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(root / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  TemporaryDirectory held;
  const std::filesystem::path& root = held.path();
};

inline bool eventually(const std::function<bool()>& truth, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < until) {
    if (truth()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return truth();
}

// A zombie counts as gone: it holds nothing any more.
inline bool is_alive(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  return static_cast<bool>(file >> number >> name >> state) && state != "Z" && state != "X";
}

}  // namespace luthier::worker
