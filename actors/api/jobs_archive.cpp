#include "actors/api/jobs_archive.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <cstring>

namespace luthier::api {
namespace {

constexpr std::int64_t tar_block = 512, stored_max = 65'535;
constexpr std::size_t name_bytes = 100;
constexpr std::int64_t octal_max = 077777777777;  // what eleven octal digits can say

std::int64_t padded(std::int64_t size) { return (size + tar_block - 1) / tar_block * tar_block; }
bool is_long(const std::string& path) { return path.size() > name_bytes; }

std::int64_t tar_length(const std::vector<ArchiveFile>& files) {
  std::int64_t length = 2 * tar_block;
  for (const auto& file : files) {
    length += tar_block + padded(file.size);
    if (is_long(file.path)) length += tar_block + padded(static_cast<std::int64_t>(file.path.size()) + 1);
  }
  return length;
}

using Head = std::array<char, tar_block>;

void put_number(Head& head, std::size_t at, std::size_t width, std::int64_t value) {
  if (value <= octal_max) {
    std::snprintf(head.data() + at, width, "%0*llo", static_cast<int>(width) - 1, static_cast<unsigned long long>(value));
    return;
  }
  // GNU's way for more than 8 GiB: the bytes themselves, behind a mark.
  for (std::size_t i = width; i-- > 1; value >>= 8) head[at + i] = static_cast<char>(value & 0xFF);
  head[at] = static_cast<char>(0x80);
}

std::string head_of(std::string_view path, std::int64_t size, char type) {
  Head head{};
  std::memcpy(head.data(), path.data(), std::min(path.size(), name_bytes));
  put_number(head, 100, 8, type == '0' ? 0644 : 0);
  put_number(head, 108, 8, 0);
  put_number(head, 116, 8, 0);
  put_number(head, 124, 12, size);
  put_number(head, 136, 12, 0);
  std::memset(head.data() + 148, ' ', 8);
  head[156] = type;
  std::memcpy(head.data() + 257, "ustar  ", 8);
  unsigned sum = 0;
  for (const char byte : head) sum += static_cast<unsigned char>(byte);
  std::snprintf(head.data() + 148, 7, "%06o", sum);
  head[155] = ' ';
  return {head.data(), head.size()};
}

// Slices of eight: the sum must keep up with a disk.
struct CrcTables {
  std::array<std::array<std::uint32_t, 256>, 8> of{};
  constexpr CrcTables() {
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0xEDB88320u : 0u);
      of[0][i] = value;
    }
    for (std::uint32_t i = 0; i < 256; ++i)
      for (std::size_t slice = 1; slice < 8; ++slice) of[slice][i] = (of[slice - 1][i] >> 8) ^ of[0][of[slice - 1][i] & 0xFF];
  }
};
constexpr CrcTables tables;

std::uint32_t crc_over(std::uint32_t crc, std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  auto count = bytes.size();
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(at[i]); };
  for (; count >= 8; count -= 8, at += 8) {
    const std::uint32_t low = crc ^ (byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24);
    crc = tables.of[7][low & 0xFF] ^ tables.of[6][(low >> 8) & 0xFF] ^ tables.of[5][(low >> 16) & 0xFF] ^ tables.of[4][low >> 24] ^
          tables.of[3][byte(4)] ^ tables.of[2][byte(5)] ^ tables.of[1][byte(6)] ^ tables.of[0][byte(7)];
  }
  for (; count > 0; --count, ++at) crc = (crc >> 8) ^ tables.of[0][(crc ^ *at) & 0xFF];
  return crc;
}

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

}  // namespace

std::int64_t archive_length(const std::vector<ArchiveFile>& files) {
  const auto tar = tar_length(files);
  return 10 + tar + 5 * ((tar + stored_max - 1) / stored_max) + 8;
}

ArchiveWriter::ArchiveWriter(const std::vector<ArchiveFile>& files, Sink sink)
    : sink_(std::move(sink)), left_(tar_length(files)), tar_bytes_(left_) {
  sink_(std::string_view("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
}

bool ArchiveWriter::add(std::string_view bytes) {
  crc_ = crc_over(crc_, bytes);
  while (!bytes.empty()) {
    if (block_left_ == 0) {
      assert(left_ > 0);
      block_left_ = std::min(left_, stored_max);
      const auto size = static_cast<std::uint32_t>(block_left_);
      const char head[] = {static_cast<char>(left_ == block_left_), static_cast<char>(size & 0xFF), static_cast<char>(size >> 8),
                           static_cast<char>(~size & 0xFF), static_cast<char>(~size >> 8 & 0xFF)};
      if (!sink_({head, sizeof head})) return false;
    }
    const auto piece = bytes.substr(0, static_cast<std::size_t>(block_left_));
    if (!sink_(piece)) return false;
    bytes.remove_prefix(piece.size());
    block_left_ -= static_cast<std::int64_t>(piece.size());
    left_ -= static_cast<std::int64_t>(piece.size());
  }
  return true;
}

bool ArchiveWriter::pad() {
  const auto rest = padded(file_bytes_) - file_bytes_;
  file_bytes_ = 0;
  return add(std::string(static_cast<std::size_t>(rest), '\0'));
}

bool ArchiveWriter::begin(const ArchiveFile& file) {
  if (!pad()) return false;
  if (is_long(file.path)) {  // GNU's way: the path as a file of its own before
    file_bytes_ = static_cast<std::int64_t>(file.path.size()) + 1;
    if (!add(head_of("././@LongLink", file_bytes_, 'L')) || !add(file.path) || !add(std::string_view("\0", 1)) || !pad()) return false;
  }
  return add(head_of(file.path, file.size, '0'));
}

bool ArchiveWriter::write(std::string_view bytes) {
  file_bytes_ += static_cast<std::int64_t>(bytes.size());
  return add(bytes);
}

bool ArchiveWriter::end() {
  if (!pad() || !add(std::string(2 * tar_block, '\0'))) return false;
  return sink_(little_endian(~crc_) + little_endian(static_cast<std::uint32_t>(tar_bytes_)));
}

}  // namespace luthier::api
