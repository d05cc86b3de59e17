#include "actors/blobs/chunk_list.hpp"

#include <algorithm>
#include <charconv>

#include "actors/blobs/digest.hpp"

namespace luthier::blobs {
namespace {

constexpr std::string_view head = "luthier chunks 1 ";

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

std::string encode(const ChunkList& chunks) {
  std::string text(head);
  text += chunks.blob + " " + std::to_string(chunks.size) + "\n";
  for (const auto& digest : chunks.digests) text += digest + "\n";
  return text + sha256_hex(text) + "\n";
}

Result<ChunkList> decode_chunks(std::string_view text) {
  const Error damaged{ErrorCode::corrupt, "the list of chunks is damaged", {}};
  constexpr std::size_t last_line_bytes = 65;
  if (text.size() < head.size() + last_line_bytes) return damaged;
  auto lines = text.substr(0, text.size() - last_line_bytes);
  if (sha256_hex(lines) + "\n" != text.substr(lines.size())) return damaged;

  const auto first = take_line(lines);
  if (first.substr(0, head.size()) != head || first.size() < head.size() + 66) return damaged;
  ChunkList chunks;
  chunks.blob = first.substr(head.size(), 64);
  const auto number = first.substr(head.size() + 65);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), chunks.size);
  if (error != std::errc() || end != number.data() + number.size() || chunks.size < 0 || !is_digest(chunks.blob)) return damaged;
  while (!lines.empty()) {
    const auto digest = take_line(lines);
    if (!is_digest(digest)) return damaged;
    chunks.digests.emplace_back(digest);
  }
  const auto expected = chunks.size / chunk_bytes + (chunks.size % chunk_bytes != 0);
  if (static_cast<std::int64_t>(chunks.digests.size()) != expected) return damaged;
  return chunks;
}

// The digest of the whole is that of the first chunk as far as that goes, so only what follows is digested twice.
void ChunkedDigest::update(std::string_view bytes) {
  if (!is_beyond_first_chunk()) {
    const auto part = bytes.substr(0, static_cast<std::size_t>(chunk_bytes - in_chunk_));
    whole_.update(part);
    count(part.size());
    bytes.remove_prefix(part.size());
  }
  update_whole(bytes);
  update_chunks(bytes);
}

void ChunkedDigest::update_whole(std::string_view bytes) { whole_.update(bytes); }

void ChunkedDigest::update_chunks(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, static_cast<std::size_t>(chunk_bytes - in_chunk_));
    chunk_.update(part);
    count(part.size());
    bytes.remove_prefix(part.size());
  }
}

void ChunkedDigest::count(std::size_t bytes) {
  in_chunk_ += static_cast<std::int64_t>(bytes);
  chunks_.size += static_cast<std::int64_t>(bytes);
  if (in_chunk_ == chunk_bytes) end_chunk();
}

void ChunkedDigest::end_chunk() {
  chunks_.digests.push_back(chunks_.digests.empty() ? whole_.hex() : chunk_.hex());
  chunk_ = Sha256();
  in_chunk_ = 0;
}

ChunkList ChunkedDigest::finish() {
  if (in_chunk_ > 0) end_chunk();
  chunks_.blob = whole_.hex();
  return std::move(chunks_);
}

}  // namespace luthier::blobs
