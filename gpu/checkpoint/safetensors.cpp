#include "gpu/checkpoint/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "gpu/checkpoint/half.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/mapped_file.hpp"
#include "gpu/checkpoint/printable.hpp"

static_assert(std::endian::native == std::endian::little, "the formats that we read are little-endian");

namespace luthier::checkpoint {

struct SafetensorsFile::Mapped {
  std::shared_ptr<const MappedFile> file;
  std::map<std::string, std::string> metadata;
  std::map<std::string, StoredTensor> tensors;
};

namespace {

constexpr std::size_t header_bytes_max = std::size_t{32} << 20;  // a model of 100,000 tensors needs a third of it
constexpr std::size_t dimensions_max = 8;

struct Format {
  std::string_view name;
  Dtype dtype;
  std::uint64_t bytes;
};
constexpr std::array<Format, 6> formats{{{"F32", Dtype::f32, 4}, {"F16", Dtype::f16, 2}, {"BF16", Dtype::bf16, 2},
                                         {"I64", Dtype::i64, 8}, {"I32", Dtype::i32, 4}, {"U8", Dtype::u8, 1}}};

// An entry of the header: what it says, checked on its own, but not yet against the file.
struct Entry {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

std::optional<std::uint64_t> as_size(const nlohmann::json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto size = value.get<std::uint64_t>();
  return size < (1ull << 62) ? std::optional(size) : std::nullopt;
}

// The bytes that a shape takes; nothing when it is no shape, or none that fits into an address.
std::optional<std::uint64_t> read_shape(const nlohmann::json& value, std::uint64_t bytes_each,
                                        std::vector<std::int64_t>& shape) {
  if (!value.is_array() || value.size() > dimensions_max) return std::nullopt;
  std::uint64_t bytes = bytes_each;
  for (const auto& each : value) {
    const auto extent = as_size(each);
    if (!extent || __builtin_mul_overflow(bytes, *extent, &bytes) || bytes >= (1ull << 62)) return std::nullopt;
    shape.push_back(static_cast<std::int64_t>(*extent));
  }
  return bytes;
}

Result<Entry> read_entry(const std::string& name, const nlohmann::json& value, const std::string& place) {
  const auto refused = [&](const std::string& why) { return invalid(place + why, name); };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
    return refused("has no dtype, shape and data_offsets");
  Entry entry;
  entry.name = name;
  const auto& dtype = value["dtype"];
  const auto format = std::find_if(formats.begin(), formats.end(), [&](const Format& each) {
    return dtype.is_string() && each.name == dtype.get_ref<const std::string&>();
  });
  if (format == formats.end())
    return refused("dtype " + (dtype.is_string() ? printable(dtype.get_ref<const std::string&>()) : std::string("of no name")) +
                   " is not supported; F32, F16, BF16, I64, I32 and U8 are");
  entry.dtype = format->dtype;
  const auto bytes = read_shape(value["shape"], format->bytes, entry.shape);
  if (!bytes) return refused("its shape is not one that a tensor can have");
  const auto& offsets = value["data_offsets"];
  const bool is_pair = offsets.is_array() && offsets.size() == 2;
  const auto begin = is_pair ? as_size(offsets[0]) : std::nullopt, end = is_pair ? as_size(offsets[1]) : std::nullopt;
  if (!begin || !end || *begin > *end) return refused("its data_offsets are not a beginning and an end");
  if (*end - *begin != *bytes)
    return refused("has " + std::to_string(*end - *begin) + " bytes, but its shape " + shape_text(entry.shape) + " takes " +
                   std::to_string(*bytes));
  entry.begin = *begin;
  entry.end = *end;
  return entry;
}

Result<std::map<std::string, std::string>> read_metadata(const nlohmann::json& value, const std::string& path) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) return invalid(path + ": __metadata__ is not an object of strings");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return invalid(path + ": __metadata__ is not an object of strings");
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

// The data must be covered without a gap and without an overlap: a byte that no tensor owns could hide anything.
Result<std::map<std::string, StoredTensor>> place_tensors(std::vector<Entry> entries, std::span<const std::byte> data,
                                                          const std::string& path) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  std::map<std::string, StoredTensor> tensors;
  std::uint64_t at = 0;
  for (auto& entry : entries) {
    const auto refused = [&](const std::string& why) {
      return invalid(path + ": tensor " + printable(entry.name) + ": " + why, entry.name);
    };
    if (entry.begin < at) return refused("overlaps with another tensor");
    if (entry.begin > at) return refused("follows " + std::to_string(entry.begin - at) + " bytes that belong to no tensor");
    if (entry.end > data.size()) return refused(std::to_string(entry.end - data.size()) + " bytes are missing");
    at = entry.end;
    tensors.emplace(std::move(entry.name),
                    StoredTensor{entry.dtype, std::move(entry.shape), data.subspan(entry.begin, entry.end - entry.begin)});
  }
  if (at != data.size()) return invalid(path + ": ends with " + std::to_string(data.size() - at) + " bytes that belong to no tensor");
  return tensors;
}

Result<std::string_view> header_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  const auto path = file.path().string();
  if (bytes.size() < 8) return invalid(path + ": " + std::to_string(8 - bytes.size()) + " bytes are missing from its length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > header_bytes_max)
    return invalid(path + ": claims a header of " + std::to_string(length) + " bytes; " + std::to_string(header_bytes_max) +
                   " are possible, so it is no safetensors file");
  if (length > bytes.size() - 8)
    return invalid(path + ": " + std::to_string(length - (bytes.size() - 8)) + " bytes are missing from its header");
  return std::string_view(reinterpret_cast<const char*>(bytes.data()) + 8, length);
}

}  // namespace

std::size_t StoredTensor::count() const {
  std::size_t count = 1;
  for (const auto extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto mapped = std::make_shared<Mapped>();
  mapped->file = *file;
  const auto text = header_of(**file);
  if (!text) return text.error();
  const auto header = parse_object(*text, path.string() + ": header");
  if (!header) return header.error();

  std::vector<Entry> entries;
  for (const auto& [name, value] : header->items()) {
    if (name == "__metadata__") {
      auto metadata = read_metadata(value, path.string());
      if (!metadata) return metadata.error();
      mapped->metadata = std::move(*metadata);
      continue;
    }
    auto entry = read_entry(name, value, path.string() + ": tensor " + printable(name) + ": ");
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  auto tensors = place_tensors(std::move(entries), (*file)->bytes().subspan(8 + text->size()), path.string());
  if (!tensors) return tensors.error();
  mapped->tensors = std::move(*tensors);
  SafetensorsFile result;
  result.mapped_ = mapped;
  return result;
}

const std::map<std::string, StoredTensor>& SafetensorsFile::tensors() const { return mapped_->tensors; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return mapped_->metadata; }

const StoredTensor* SafetensorsFile::find(const std::string& name) const {
  const auto found = mapped_->tensors.find(name);
  return found == mapped_->tensors.end() ? nullptr : &found->second;
}

namespace {

// The data of a tensor need not be aligned: the header has any length.
template <class Widen>
void widen_16(const StoredTensor& tensor, std::span<float> out, Widen widen) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, tensor.bytes.data() + 2 * i, sizeof bits);
    out[i] = widen(bits);
  }
}

}  // namespace

Result<void> to_f32(const StoredTensor& tensor, std::span<float> out) {
  assert(out.size() == tensor.count());
  switch (tensor.dtype) {
    case Dtype::f32:
      if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
      return {};
    case Dtype::f16: widen_16(tensor, out, f32_of_f16); return {};
    case Dtype::bf16: widen_16(tensor, out, f32_of_bf16); return {};
    case Dtype::i64: case Dtype::i32: case Dtype::u8: break;
  }
  return invalid("holds integers where floating point values are needed");
}

}  // namespace luthier::checkpoint
