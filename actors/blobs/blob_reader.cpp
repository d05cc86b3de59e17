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

// Up to the end of the file: one that is shorter than it was has another digest.
Result<void> read_window(int file, const std::filesystem::path& path, std::int64_t window, std::int64_t size, std::string& to) {
  const auto begin = window * window_bytes;
  to.resize(static_cast<std::size_t>(std::min(window_bytes, size - begin)));
  for (std::size_t filled = 0; filled < to.size();) {
    const auto got = ::pread(file, to.data() + filled, to.size() - filled, begin + static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path, errno);
    if (got == 0) to.resize(filled);
    filled += static_cast<std::size_t>(got);
  }
  return {};
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

// All of the chunk goes by once. Whoever has read a whole chunk will want the next one: it is verified meanwhile.
Result<void> BlobReader::verify(std::int64_t chunk) {
  if (chunk == verified_chunk_) return {};
  const bool goes_on = chunk == verified_chunk_ + 1 && chunk > 0;
  verified_chunk_ = -1;
  if (ahead_chunk_ != chunk) ahead_ = verifying(chunk, std::launch::deferred);
  ahead_chunk_ = -1;
  auto sums = ahead_.get();
  if (!sums) return sums.error();
  if (sums->empty()) return corrupt(chunk);
  sums_ = std::move(*sums);
  verified_chunk_ = chunk;
  if (!goes_on || (chunk + 1) * chunk_bytes >= size()) return {};
  ahead_ = verifying(chunk + 1, std::launch::async | std::launch::deferred);
  ahead_chunk_ = chunk + 1;
  return {};
}

std::future<Result<BlobReader::Sums>> BlobReader::verifying(std::int64_t chunk, std::launch when) const {
  return std::async(when, [file = file_.get(), path = path_, chunk, size = size(),
                           expected = chunks_.digests[static_cast<std::size_t>(chunk)]]() -> Result<Sums> {
    Sha256 digest;
    Sums sums;
    std::string bytes;
    const auto end = std::min((chunk + 1) * chunk_bytes, size);
    for (auto at = chunk * chunk_bytes; at < end; at += window_bytes) {
      if (auto read = read_window(file, path, at / window_bytes, size, bytes); !read) return read.error();
      digest.update(bytes);
      sums.push_back(sum_of(bytes));
    }
    return digest.hex() == expected ? sums : Sums();
  });
}

Result<void> BlobReader::load(std::int64_t window) {
  if (window == loaded_window_) return {};
  loaded_window_ = -1;
  if (auto read = read_window(file_.get(), path_, window, size(), loaded_); !read) return read;
  loaded_window_ = window;
  return {};
}

Error BlobReader::corrupt(std::int64_t chunk) {
  verified_chunk_ = loaded_window_ = -1;  // somebody may store it again
  return {ErrorCode::corrupt, "blob " + chunks_.blob.substr(0, 12) + "… is damaged in chunk " + std::to_string(chunk) + " (bytes from " +
                                  std::to_string(chunk * chunk_bytes) + "): store the file again", {}};
}

}  // namespace luthier::blobs
