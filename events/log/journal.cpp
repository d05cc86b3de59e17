#include "events/log/journal.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace luthier::log {
namespace {

// A record has a checksum (4 bytes), a length (2), a type (1) and its bytes, and does not cross a block.
constexpr std::size_t block_bytes = 32 << 10, header_bytes = 7;
enum RecordType : unsigned { full = 1, first = 2, middle = 3, last = 4 };  // we use no recycling and no compression

constexpr auto make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);  // CRC-32C, Castagnoli
    table[i] = crc;
  }
  return table;
}

std::uint32_t masked_crc(std::string_view bytes) {
  static constexpr auto table = make_crc_table();
  std::uint32_t crc = 0xffffffffu;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8u;  // masked, since the log holds checksums of its own
}

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

// The length of the whole record at the front of what is left of its block; nullopt: there is none.
std::optional<std::size_t> whole_record(std::string_view rest_of_block) {
  if (rest_of_block.size() < header_bytes) return std::nullopt;
  const std::size_t length = byte_at(rest_of_block, 4) | byte_at(rest_of_block, 5) << 8;
  const unsigned type = byte_at(rest_of_block, 6);
  if (type < full || type > last || header_bytes + length > rest_of_block.size()) return std::nullopt;
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) stored |= byte_at(rest_of_block, i) << 8 * i;
  if (masked_crc(rest_of_block.substr(6, 1 + length)) != stored) return std::nullopt;
  return header_bytes + length;
}

std::string_view rest_of_block(std::string_view bytes, std::size_t offset) {
  return bytes.substr(offset, block_bytes - offset % block_bytes);
}

bool has_whole_record_after(std::string_view bytes, std::size_t offset) {
  const std::size_t next_block = (offset / block_bytes + 1) * block_bytes;
  for (std::size_t at = next_block; at < bytes.size(); at += block_bytes)
    if (whole_record(rest_of_block(bytes, at))) return true;
  // In the same block a damaged length hides where the next record begins, so it may be anywhere.
  for (std::size_t at = offset + 1; at < next_block && at < bytes.size(); ++at)
    if (whole_record(rest_of_block(bytes, at))) return true;
  return false;
}

// Each entry of a write-ahead log begins with the number of its first change and how many it has. Packaged RocksDB ends the
// process on an assertion where a number comes twice, so an entry that was copied or moved must not reach it.
class Sequence {
 public:
  // One physical record after the other; false when an entry begins at or before the end of the one before it.
  bool take(std::string_view record) {
    const unsigned type = byte_at(record, 6);
    if (type == full || type == first) header_.clear();
    const bool was_known = header_.size() == entry_header_bytes;
    header_.append(record.substr(header_bytes, entry_header_bytes - header_.size()));
    if (was_known || header_.size() < entry_header_bytes) return true;
    std::uint64_t number = 0, count = 0;
    for (std::size_t i = 0; i < 8; ++i) number |= std::uint64_t{byte_at(header_, i)} << 8 * i;
    for (std::size_t i = 0; i < 4; ++i) count |= std::uint64_t{byte_at(header_, 8 + i)} << 8 * i;
    const bool follows = number >= next_;
    next_ = number + count;
    return follows;
  }

 private:
  static constexpr std::size_t entry_header_bytes = 12;
  std::string header_;  // of the entry that is being read
  std::uint64_t next_ = 0;
};

}  // namespace

JournalState check_journal(std::string_view bytes, JournalUse use) {
  Sequence sequence;
  std::size_t offset = 0;
  while (offset < bytes.size()) {
    const auto rest = rest_of_block(bytes, offset);
    if (rest.size() < header_bytes && offset + rest.size() < bytes.size()) {  // the padding at the end of a block
      offset += rest.size();
      continue;
    }
    const auto length = whole_record(rest);
    if (!length) return {has_whole_record_after(bytes, offset) ? JournalState::damaged : JournalState::torn, offset};
    if (use == JournalUse::write_ahead_log && !sequence.take(rest.substr(0, *length))) return {JournalState::disordered, offset};
    offset += *length;
  }
  return {JournalState::clean, bytes.size()};
}

}  // namespace luthier::log
