// The safetensors format: u64 little-endian header length, JSON header {name: {dtype, shape, data_offsets}}, data.
// https://huggingface.co/docs/safetensors: offsets are relative to the data, must not overlap and must cover it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

enum class Dtype { f32, f16, bf16, i64, i32, u8 };  // what we read; another one in the header is refused by name

struct StoredTensor {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::size_t count() const;
};

// A memory-mapped, checked file. Spans live as long as the object.
class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  const std::map<std::string, StoredTensor>& tensors() const;
  const std::map<std::string, std::string>& metadata() const;  // "__metadata__"
  const StoredTensor* find(const std::string& name) const;

 private:
  struct Mapped;
  std::shared_ptr<const Mapped> mapped_;
};

// Widens to f32. `out` has tensor.count() values. Fails for integer types.
Result<void> to_f32(const StoredTensor& tensor, std::span<float> out);

struct TensorToWrite {
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};
enum class StoreAs { f32, bf16 };
constexpr std::size_t bytes_per_value(StoreAs as) { return as == StoreAs::bf16 ? 2 : 4; }
// Names in order; written to a temporary name, synced, renamed.
Result<void> write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorToWrite>& tensors,
                               const std::map<std::string, std::string>& metadata = {}, StoreAs as = StoreAs::f32);

}  // namespace luthier::checkpoint
