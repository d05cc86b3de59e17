#include "gpu/checkpoint/gguf.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "gpu/checkpoint/mapped_file.hpp"
#include "gpu/checkpoint/printable.hpp"
#include "gpu/checkpoint/quantisation.hpp"

static_assert(std::endian::native == std::endian::little, "the formats that we read are little-endian");

namespace luthier::checkpoint {

struct GgufFile::Mapped {
  std::shared_ptr<const MappedFile> file;
  std::map<std::string, GgufValue> metadata;
  std::map<std::string, GgufTensor> tensors;
};

double nearest_short_decimal(float value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = value;
  std::from_chars(text, end, result);
  return result;
}

namespace {

// Bounds that no published model comes near; they keep what a hostile file can make us allocate below a gigabyte.
constexpr std::uint64_t array_elements_max = std::uint64_t{1} << 24;  // of all arrays together
constexpr std::uint64_t text_bytes_max = std::uint64_t{1} << 28;      // of all strings together
constexpr std::uint64_t tensors_max = 1'000'000, keys_max = 1'000'000;

enum class ValueType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
constexpr auto value_types = 13u;

// Walks the header. After the first failure every read gives zero, so a caller asks once per step, not once per field.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  T take() {
    T value{};
    if (need(sizeof(T))) {
      std::memcpy(&value, bytes_.data() + at_, sizeof(T));
      at_ += sizeof(T);
    }
    return value;
  }

  std::string text() {
    const auto length = take<std::uint64_t>();
    if (!need(length)) return {};
    if ((text_bytes_ += length) > text_bytes_max) return fail("its texts are longer than 256 MiB together"), std::string{};
    std::string result(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
    return result;
  }

  // A count of things that take at least `bytes_each`: refused before anything is reserved for them.
  std::uint64_t count(std::uint64_t bytes_each, std::uint64_t count_max, const char* of) {
    const auto value = take<std::uint64_t>();
    if (ok() && (value > count_max || value > (bytes_.size() - at_) / bytes_each))
      fail("claims " + std::to_string(value) + " " + of + ", more than the file has room for");
    return ok() ? value : 0;
  }

  std::uint64_t elements() {
    const auto value = take<std::uint64_t>();
    if (ok() && (value > array_elements_max || (elements_ += value) > array_elements_max))
      fail("claims " + std::to_string(value) + " array elements, more than we read");
    return ok() ? value : 0;
  }

  void fail(std::string why) {
    if (!why_) why_ = std::move(why);
  }
  bool ok() const { return !why_; }
  const std::string& why() const { return *why_; }
  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  bool need(std::uint64_t length) {
    if (ok() && length > left()) fail("ends early: " + std::to_string(length - left()) + " bytes are missing");
    return ok();
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::uint64_t text_bytes_ = 0, elements_ = 0;
  std::optional<std::string> why_;
};

std::int64_t take_u64(Cursor& cursor) {
  const auto value = cursor.take<std::uint64_t>();
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    cursor.fail("the integer " + std::to_string(value) + " is larger than we read");
  return static_cast<std::int64_t>(value);
}

bool take_bool(Cursor& cursor) {
  const auto value = cursor.take<std::uint8_t>();
  if (value > 1) cursor.fail("the bool is " + std::to_string(value) + ", not 0 or 1");
  return value == 1;
}

bool is_integer(ValueType type) {
  return type <= ValueType::i32 || type == ValueType::u64 || type == ValueType::i64;
}

std::int64_t take_integer(Cursor& cursor, ValueType type) {
  switch (type) {
    case ValueType::u8: return cursor.take<std::uint8_t>();
    case ValueType::i8: return cursor.take<std::int8_t>();
    case ValueType::u16: return cursor.take<std::uint16_t>();
    case ValueType::i16: return cursor.take<std::int16_t>();
    case ValueType::u32: return cursor.take<std::uint32_t>();
    case ValueType::i32: return cursor.take<std::int32_t>();
    case ValueType::u64: return take_u64(cursor);
    case ValueType::i64: return cursor.take<std::int64_t>();
    case ValueType::f32: case ValueType::boolean: case ValueType::string: case ValueType::array: case ValueType::f64: break;
  }
  return 0;  // not reached: is_integer was asked
}

ValueType take_type(Cursor& cursor) {
  const auto number = cursor.take<std::uint32_t>();
  if (number >= value_types) cursor.fail("has the value type " + std::to_string(number) + ", which GGUF does not know");
  return static_cast<ValueType>(number);
}

template <class T, class Take>
GgufValue take_array(Cursor& cursor, std::uint64_t length, Take take) {
  std::vector<T> values;  // grows as bytes turn out to be there, so a claimed length alone costs nothing
  for (std::uint64_t i = 0; i < length && cursor.ok(); ++i) values.push_back(take());
  return values;
}

GgufValue take_array(Cursor& cursor) {
  const auto type = take_type(cursor);
  const auto length = cursor.elements();
  if (is_integer(type)) return take_array<std::int64_t>(cursor, length, [&] { return take_integer(cursor, type); });
  if (type == ValueType::f32) return take_array<double>(cursor, length, [&] { return double{cursor.take<float>()}; });
  if (type == ValueType::f64) return take_array<double>(cursor, length, [&] { return cursor.take<double>(); });
  if (type == ValueType::boolean) return take_array<bool>(cursor, length, [&] { return take_bool(cursor); });
  if (type == ValueType::string) return take_array<std::string>(cursor, length, [&] { return cursor.text(); });
  cursor.fail("is an array of arrays, which is not supported");
  return std::int64_t{0};
}

GgufValue take_value(Cursor& cursor) {
  const auto type = take_type(cursor);
  if (is_integer(type)) return take_integer(cursor, type);
  if (type == ValueType::f32) return nearest_short_decimal(cursor.take<float>());
  if (type == ValueType::f64) return cursor.take<double>();
  if (type == ValueType::boolean) return take_bool(cursor);
  if (type == ValueType::string) return cursor.text();
  return take_array(cursor);
}

struct DirectoryEntry {
  std::uint32_t type = 0;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0, bytes = 0;
};

std::uint64_t bytes_of(Cursor& cursor, std::uint32_t type, const std::vector<std::int64_t>& shape) {
  const auto* format = find_format(type);
  if (!format) {
    cursor.fail("is stored as " + ggml_type_name(type) +
                ", which is not supported; " + ggml_format_names() + " are");
    return 0;
  }
  if (shape.back() % format->values_per_block != 0) {
    cursor.fail("its rows of " + std::to_string(shape.back()) + " values are no whole number of " +
                std::string(format->name) + " blocks");
    return 0;
  }
  std::uint64_t count = 1;
  for (const auto extent : shape)
    if (extent <= 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(extent), &count) || count > (1ull << 48)) {
      cursor.fail("its shape " + shape_text(shape) + " is not one that a tensor can have");
      return 0;
    }
  return count / format->values_per_block * format->bytes_per_block;
}

DirectoryEntry take_entry(Cursor& cursor) {
  DirectoryEntry entry;
  const auto dimensions = cursor.take<std::uint32_t>();
  if (dimensions < 1 || dimensions > 4) {
    cursor.fail("has " + std::to_string(dimensions) + " dimensions; 1 to 4 are possible");
    return entry;
  }
  for (std::uint32_t i = 0; i < dimensions; ++i) entry.shape.push_back(take_u64(cursor));
  std::reverse(entry.shape.begin(), entry.shape.end());
  entry.type = cursor.take<std::uint32_t>();
  entry.offset = cursor.take<std::uint64_t>();
  if (cursor.ok()) entry.bytes = bytes_of(cursor, entry.type, entry.shape);
  return entry;
}

void take_preamble(Cursor& cursor) {
  if (cursor.take<std::uint32_t>() != 0x46554747) return cursor.fail("is not a GGUF file: it does not begin with GGUF");
  const auto version = cursor.take<std::uint32_t>();
  if (version == 0x02000000 || version == 0x03000000) return cursor.fail("is a big-endian GGUF file, which is not supported");
  if (cursor.ok() && version != 2 && version != 3)
    cursor.fail("is GGUF version " + std::to_string(version) + "; versions 2 and 3 are supported");
}

Error refused(const MappedFile& file, const std::string& why, const std::string& field = {}) {
  return invalid(file.path().string() + ": " + why, field);
}

Result<std::uint64_t> alignment_of(const MappedFile& file, const std::map<std::string, GgufValue>& metadata) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return std::uint64_t{32};
  const auto* value = std::get_if<std::int64_t>(&found->second);
  if (!value || *value < 8 || *value > (1 << 20) || !std::has_single_bit(static_cast<std::uint64_t>(*value)))
    return refused(file, "general.alignment: is not a power of two between 8 and 1048576", "general.alignment");
  return static_cast<std::uint64_t>(*value);
}

using Directory = std::vector<std::pair<std::string, DirectoryEntry>>;

// Where a tensor's bytes lie must be said by no two entries, and the file must have them.
Result<std::map<std::string, GgufTensor>> place_tensors(const MappedFile& file, Directory directory,
                                                        std::uint64_t data_start, std::uint64_t alignment) {
  std::sort(directory.begin(), directory.end(),
            [](const auto& a, const auto& b) { return a.second.offset < b.second.offset; });
  const std::uint64_t size = file.bytes().size();
  std::uint64_t end_before = 0;
  std::map<std::string, GgufTensor> tensors;
  for (auto& [name, entry] : directory) {
    const auto tensor = "tensor " + printable(name) + ": ";
    if (entry.offset % alignment != 0)
      return refused(file, tensor + "its offset " + std::to_string(entry.offset) + " is not aligned", name);
    if (entry.offset < end_before) return refused(file, tensor + "overlaps with another tensor", name);
    if (entry.offset > (1ull << 62)) return refused(file, tensor + "its offset is beyond any file", name);
    const auto end = data_start + entry.offset + entry.bytes;
    if (end > size) return refused(file, tensor + std::to_string(end - size) + " bytes are missing", name);
    end_before = entry.offset + entry.bytes;
    tensors.emplace(std::move(name), GgufTensor{entry.type, std::move(entry.shape),
                                                file.bytes().subspan(data_start + entry.offset, entry.bytes)});
  }
  return tensors;
}

}  // namespace

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto mapped = std::make_shared<Mapped>();
  mapped->file = *file;

  Cursor cursor((*file)->bytes());
  take_preamble(cursor);
  const auto tensors = cursor.count(24, tensors_max, "tensors");
  const auto keys = cursor.count(13, keys_max, "metadata keys");
  for (std::uint64_t i = 0; i < keys && cursor.ok(); ++i) {
    const auto key = cursor.text();
    auto value = take_value(cursor);
    if (cursor.ok() && !mapped->metadata.emplace(key, std::move(value)).second) cursor.fail("is there twice");
    if (!cursor.ok()) return refused(**file, "metadata " + printable(key) + ": " + cursor.why(), key);
  }
  Directory directory;
  std::map<std::string_view, bool> seen;
  for (std::uint64_t i = 0; i < tensors && cursor.ok(); ++i) {
    auto name = cursor.text();
    auto entry = take_entry(cursor);
    if (!cursor.ok()) return refused(**file, "tensor " + printable(name) + ": " + cursor.why(), name);
    directory.emplace_back(std::move(name), std::move(entry));
  }
  if (!cursor.ok()) return refused(**file, cursor.why());
  for (const auto& [name, entry] : directory)
    if (!seen.emplace(name, true).second) return refused(**file, "tensor " + printable(name) + ": is there twice", name);

  const auto alignment = alignment_of(**file, mapped->metadata);
  if (!alignment) return alignment.error();
  const auto data_start = (cursor.at() + *alignment - 1) / *alignment * *alignment;
  auto placed = place_tensors(**file, std::move(directory), data_start, *alignment);
  if (!placed) return placed.error();
  mapped->tensors = std::move(*placed);
  GgufFile result;
  result.mapped_ = mapped;
  return result;
}

const std::map<std::string, GgufValue>& GgufFile::metadata() const { return mapped_->metadata; }
const std::map<std::string, GgufTensor>& GgufFile::tensors() const { return mapped_->tensors; }
const std::filesystem::path& GgufFile::path() const { return mapped_->file->path(); }
bool GgufFile::has(const std::string& key) const { return mapped_->metadata.contains(key); }

namespace {

template <class T>
Result<T> typed(const GgufFile& file, const std::string& key, const char* wanted) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return invalid(file.path().string() + ": metadata " + key + ": is missing", key);
  if (const auto* value = std::get_if<T>(&found->second)) return *value;
  return invalid(file.path().string() + ": metadata " + key + ": is not " + wanted, key);
}

}  // namespace

Result<std::string> GgufFile::text(const std::string& key) const { return typed<std::string>(*this, key, "a string"); }
Result<std::int64_t> GgufFile::integer(const std::string& key) const {
  return typed<std::int64_t>(*this, key, "an integer");
}
Result<double> GgufFile::number(const std::string& key) const {
  if (const auto whole = typed<std::int64_t>(*this, key, "a number")) return static_cast<double>(*whole);
  return typed<double>(*this, key, "a number");
}

}  // namespace luthier::checkpoint
