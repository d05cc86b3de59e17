// What the tests of texts share: golden files, temporary directories.
#pragma once

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "events/base/temporary_directory.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text::test {

using nlohmann::ordered_json;
inline const std::filesystem::path goldens = "tests/golden/text", tiny = "tests/golden/models/llama-tiny";

template <class T>
T take(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}

using luthier::TemporaryDirectory;

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) FAIL("no file " << path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline ordered_json read_json(const std::filesystem::path& path) { return ordered_json::parse(read_bytes(path)); }

inline std::filesystem::path write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

inline Tokenizer load_from(const TemporaryDirectory& directory, const ordered_json& tokenizer, const ordered_json& config) {
  write_text(directory / "tokenizer.json", tokenizer.dump());
  write_text(directory / "tokenizer_config.json", config.dump());
  return take(Tokenizer::load(directory.path()));
}

// One of the golden tokenizers, with the template of that name, or null.
inline Tokenizer load_golden(const TemporaryDirectory& directory, const std::string& name, const ordered_json& template_name = {}) {
  const bool is_tiny = name == "llama-tiny";
  const auto golden = is_tiny ? ordered_json() : read_json(goldens / "tokenizers" / (name + ".json"));
  const auto tokenizer = is_tiny ? read_json(tiny / "tokenizer.json") : golden["tokenizer"];
  auto config = is_tiny ? read_json(tiny / "tokenizer_config.json") : golden["config"];
  if (template_name.is_string()) config["chat_template"] = read_bytes(goldens / "templates" / (template_name.get<std::string>() + ".jinja"));
  return load_from(directory, tokenizer, config);
}

}  // namespace luthier::text::test
