#include "events/log/anchor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "events/base/file.hpp"
#include "events/base/sha256.hpp"

namespace luthier::log {
namespace {

// In pages of their own, so that no disk tears both with one write.
constexpr std::size_t slot_bytes = 4096, slot_count = 2;
constexpr std::string_view magic = "luthier-anchor-1";

struct Slot {
  std::int64_t number = 0;
  AnchorMark mark;
};

// One readable line: magic, number, log id, position, hash, SHA-256 of all that.
std::string encode(const Slot& slot) {
  std::string line = std::string(magic) + " " + std::to_string(slot.number) + " " + slot.mark.log_id + " " +
                     std::to_string(slot.mark.position) + " " + slot.mark.hash;
  line += " " + sha256_hex(line) + "\n";
  line.resize(slot_bytes, '\0');
  return line;
}

std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Slot> decode(std::string_view bytes) {
  auto line = bytes.substr(0, std::min(bytes.find('\n'), bytes.size()));
  const auto sum_at = line.rfind(' ');
  if (sum_at == std::string_view::npos || sha256_hex(line.substr(0, sum_at)) != line.substr(sum_at + 1)) return std::nullopt;
  if (take_word(line) != magic) return std::nullopt;
  const auto number = to_number(take_word(line));
  const auto log_id = take_word(line);
  const auto position = to_number(take_word(line));
  const auto hash = take_word(line);
  if (!number || !position) return std::nullopt;
  return Slot{*number, {std::string(log_id), *position, Hash(hash)}};
}

Result<std::optional<Slot>> newest_slot(const std::filesystem::path& file, int descriptor) {
  std::array<char, slot_bytes * slot_count> bytes{};
  const auto got = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  if (got < 0) return file_error(file, errno);
  std::optional<Slot> newest;
  for (std::size_t i = 0; i < slot_count; ++i) {
    auto slot = decode({bytes.data() + i * slot_bytes, slot_bytes});
    if (slot && (!newest || slot->number > newest->number)) newest = std::move(slot);
  }
  return newest;
}

std::optional<AnchorMark> mark_of(std::optional<Slot> slot) {
  return slot ? std::optional(std::move(slot->mark)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<FileAnchor>> FileAnchor::open(const std::filesystem::path& file) {
  const bool existed = ::access(file.c_str(), F_OK) == 0;
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return file_error(file, errno);
  std::unique_ptr<FileAnchor> anchor(new FileAnchor(file, descriptor));
  // Its full length from the start: later writes then change no metadata and cannot run out of space.
  if (struct stat status{}; ::fstat(descriptor, &status) == 0 && status.st_size < static_cast<off_t>(slot_bytes * slot_count))
    if (const int error = ::posix_fallocate(descriptor, 0, slot_bytes * slot_count); error != 0) return file_error(file, error);
  if (!existed)
    if (auto synced = sync_directory(file.has_parent_path() ? file.parent_path() : "."); !synced) return synced.error();
  const auto newest = newest_slot(file, descriptor);
  if (!newest) return newest.error();
  if (*newest) anchor->writes_ = (*newest)->number;
  return anchor;
}

FileAnchor::~FileAnchor() { ::close(descriptor_); }

Result<std::optional<AnchorMark>> FileAnchor::read() const {
  auto newest = newest_slot(file_, descriptor_);
  if (!newest) return newest.error();
  return mark_of(std::move(*newest));
}

Result<void> FileAnchor::write(const AnchorMark& mark) {
  ++writes_;
  const std::string bytes = encode({writes_, mark});
  const auto offset = static_cast<off_t>(static_cast<std::size_t>(writes_) % slot_count * slot_bytes);
  const auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
  if (written != static_cast<ssize_t>(bytes.size())) return file_error(file_, written < 0 ? errno : ENOSPC);
  return {};
}

Result<void> FileAnchor::sync() {
  if (::fdatasync(descriptor_) != 0) return file_error(file_, errno);
  return {};
}

Result<std::optional<AnchorMark>> read_anchor_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return std::optional<AnchorMark>{};
  if (descriptor < 0) return file_error(file, errno);
  auto newest = newest_slot(file, descriptor);
  ::close(descriptor);
  if (!newest) return newest.error();
  return mark_of(std::move(*newest));
}

}  // namespace luthier::log
