// What the tests of this folder share.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include <catch2/catch.hpp>

#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"
#include "events/base/sha256.hpp"
#include "gpu/checkpoint/checkpoint.hpp"

namespace luthier::checkpoint {

using luthier::TemporaryDirectory;

const std::filesystem::path models = "tests/golden/models", goldens = "tests/golden/checkpoint";

inline nlohmann::json read_json(const std::filesystem::path& path) { return nlohmann::json::parse(std::ifstream(path)); }

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);  // ext4 syncs a file that is truncated and written again, a new one it does not
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string digest(const Tensor& tensor) { return sha256_hex(std::as_bytes(tensor.values)); }

// {name: {"shape", "sha256"}} of make_checkpoint_goldens.py.
inline void check_digests(const Weights& weights, const std::filesystem::path& expected_file) {
  const auto expected = read_json(expected_file);
  CHECK(weights.tensors().size() == expected.size());
  for (const auto& [name, value] : expected.items()) {
    INFO(name);
    const auto* tensor = weights.find(name);
    REQUIRE(tensor != nullptr);
    CHECK(tensor->shape == value["shape"].get<std::vector<std::int64_t>>());
    CHECK(digest(*tensor) == value["sha256"].get<std::string>());
  }
}

// A copy of a golden model that a test may spoil.
inline std::filesystem::path copy_model(const std::filesystem::path& model, const std::filesystem::path& directory) {
  std::filesystem::copy(model, directory / model.filename(), std::filesystem::copy_options::recursive);
  return directory / model.filename();
}

// What a .gguf file with one piece of its bytes replaced by another of the same length is refused with, without the path; empty: it is read.
inline std::string refusal_of_spoiled(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  auto bytes = read_bytes(file);
  const auto at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  bytes.replace(at, from.size(), to);
  TemporaryDirectory directory;
  const auto spoiled = directory.path() / "a.gguf";
  write_bytes(spoiled, bytes);
  const auto model = load_model(spoiled);
  return model ? "" : model.error().message.substr(spoiled.string().size() + 2);
}

}  // namespace luthier::checkpoint
