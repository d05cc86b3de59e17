#include "actors/blobs/blob_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "events/base/file.hpp"

namespace luthier::blobs {
namespace {

constexpr std::int64_t window_bytes = 128 << 10;  // what a reader holds: one whose client is slow may hold it for long
constexpr std::int64_t windows_per_chunk = chunk_bytes / window_bytes;
static_assert(chunk_bytes % window_bytes == 0);

// Tells damage, not malice: the digest has seen the same bytes a moment ago. Four lanes, so that it costs little beside that digest.
std::uint64_t sum_of(std::string_view window) {
  constexpr std::uint64_t factor = 0x9e3779b97f4a7c15;  // odd: no difference in one word is ever lost
  std::array<std::uint64_t, 4> lanes{1, 2, 3, 4};
  for (; window.size() >= sizeof lanes; window.remove_prefix(sizeof lanes)) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), window.data(), sizeof words);
    for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = (lanes[i] ^ words[i]) * factor;
  }
  auto sum = static_cast<std::uint64_t>(std::hash<std::string_view>()(window));
  for (const auto lane : lanes) sum = (sum ^ lane) * factor;
  return sum;
}

}  // namespace

Result<std::string_view> BlobReader::read(std::int64_t offset, std::size_t length) {
  if (offset < 0 || offset > size())
    return invalid("byte " + std::to_string(offset) + " is outside of the file, which has " + std::to_string(size()), "offset");
  if (offset == size() || length == 0) return std::string_view();
  const auto chunk = offset / chunk_bytes, window = offset / window_bytes;
  if (auto verified = verify(chunk); !verified) return verified.error();
  if (auto loaded = load(window); !loaded) return loaded.error();
  // The system may have read it from the disk anew.
  if (sum_of(loaded_) != sums_[static_cast<std::size_t>(window % windows_per_chunk)]) return corrupt(chunk);
  return std::string_view(loaded_).substr(static_cast<std::size_t>(offset % window_bytes), length);
}

// All of the chunk goes by once, in windows, and what is kept of them is a sum of each.
Result<void> BlobReader::verify(std::int64_t chunk) {
  if (chunk == verified_chunk_) return {};
  verified_chunk_ = -1;
  sums_.clear();
  Sha256 digest;
  const auto end = std::min((chunk + 1) * chunk_bytes, size());
  for (auto at = chunk * chunk_bytes; at < end; at += window_bytes) {
    if (auto loaded = load(at / window_bytes); !loaded) return loaded;
    digest.update(loaded_);
    sums_.push_back(sum_of(loaded_));
  }
  if (digest.hex() != chunks_.digests[static_cast<std::size_t>(chunk)]) return corrupt(chunk);
  verified_chunk_ = chunk;
  return {};
}

Result<void> BlobReader::load(std::int64_t window) {
  if (window == loaded_window_) return {};
  loaded_window_ = -1;
  const auto begin = window * window_bytes;
  loaded_.resize(static_cast<std::size_t>(std::min(window_bytes, size() - begin)));
  for (std::size_t filled = 0; filled < loaded_.size();) {
    const auto got = ::pread(file_.get(), loaded_.data() + filled, loaded_.size() - filled, begin + static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path_, errno);
    if (got == 0) loaded_.resize(filled);  // shorter than it was: its digest will say so
    filled += static_cast<std::size_t>(got);
  }
  loaded_window_ = window;
  return {};
}

Error BlobReader::corrupt(std::int64_t chunk) {
  verified_chunk_ = loaded_window_ = -1;  // somebody may store it again
  return {ErrorCode::corrupt, "blob " + chunks_.blob.substr(0, 12) + "… is damaged in chunk " + std::to_string(chunk) + " (bytes from " +
                                  std::to_string(chunk * chunk_bytes) + "): store the file again", {}};
}

}  // namespace luthier::blobs
