// What the trainer's tests share: golden files, temporary directories, tensors compared.
#pragma once

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "events/base/temporary_directory.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/model/test_support.hpp"

namespace luthier::train::test {

inline const std::filesystem::path goldens = "tests/golden/train";

using model::test::difference;
using model::test::take;
using luthier::TemporaryDirectory;

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) FAIL("no file " << path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline nlohmann::json read_json(const std::filesystem::path& path) { return nlohmann::json::parse(read_bytes(path)); }

inline std::vector<nlohmann::json> read_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

inline std::filesystem::path write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

using Tensors = std::map<std::string, std::vector<float>>;

inline Tensors read_tensors(const std::filesystem::path& path) {
  const auto file = take(checkpoint::SafetensorsFile::open(path));
  Tensors tensors;
  for (const auto& [name, stored] : file.tensors()) {
    tensors[name].resize(stored.count());
    REQUIRE(checkpoint::to_f32(stored, tensors[name]));
  }
  return tensors;
}

inline void check_close(const Tensors& got, const Tensors& expected, double limit) {
  CHECK(got.size() == expected.size());
  for (const auto& [name, values] : expected) {
    INFO(name);
    REQUIRE(got.contains(name));
    CHECK(difference(got.at(name), values) < limit);
  }
}

// What a verb of the command line printed, and its exit code.
struct Ran {
  int code;
  std::string out, err;
};

template <class Options>
Ran run(int (*verb)(const Options&, std::ostream&, std::ostream&), const Options& options) {
  std::ostringstream out, err;
  const int code = verb(options, out, err);
  return {code, out.str(), err.str()};
}

}  // namespace luthier::train::test
