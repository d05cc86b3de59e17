// The GGUF container, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata, a tensor
// directory, and aligned tensor data. Reads the tensor types of quantisation.hpp; another one is refused by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

using GgufValue = std::variant<std::int64_t,  // all integer types that fit; a larger u64 is refused
                               double, bool, std::string, std::vector<std::int64_t>, std::vector<double>,
                               std::vector<bool>, std::vector<std::string>>;

struct GgufTensor {
  std::uint32_t type;               // ggml's number: 0 F32, 1 F16, 3 Q4_1 …
  std::vector<std::int64_t> shape;  // in row-major order, outermost first (the file stores innermost first)
  std::span<const std::byte> bytes;
};

class GgufFile {
 public:
  static Result<GgufFile> open(const std::filesystem::path& path);
  const std::map<std::string, GgufValue>& metadata() const;
  const std::map<std::string, GgufTensor>& tensors() const;
  const std::filesystem::path& path() const;

  // Metadata with the type that the caller needs; the error names the file and the key.
  Result<std::string> text(const std::string& key) const;
  Result<std::int64_t> integer(const std::string& key) const;
  Result<double> number(const std::string& key) const;  // an integer is one as well
  bool has(const std::string& key) const;

 private:
  struct Mapped;
  std::shared_ptr<const Mapped> mapped_;
};

// 9.99999974737875e-06 is what somebody wrote as 1e-5, stored as f32: the shortest decimal that reads back the same.
double nearest_short_decimal(float value);

// Dequantises to f32. `out` has as many values as the shape says.
Result<void> dequantise(const GgufTensor& tensor, std::span<float> out);

}  // namespace luthier::checkpoint
