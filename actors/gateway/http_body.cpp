#include "actors/gateway/http_body.hpp"

#include <algorithm>

namespace luthier::gateway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk_line_bytes_max = 8 << 10;  // and of all trailers together
constexpr std::size_t chunk_read_bytes = 64 << 10;
constexpr std::int64_t skip_bytes_max = 64 << 10;
constexpr milliseconds skip_time{100};

Error cut_off() { return {ErrorCode::unavailable, "the body ended too early", {}}; }

}  // namespace

HttpBody::HttpBody(HttpSocket& socket, const BodyLength& length, Bounds bounds)
    : socket_(socket), length_(length), bounds_(bounds), left_(length.bytes.value_or(0)) {
  complete_ = length.bytes && left_ == 0;
}

Error HttpBody::too_long() const { return {ErrorCode::limit, "the body has more than " + std::to_string(bounds_.bytes_max) + " bytes", {}}; }

Result<void> HttpBody::keep_promise() {
  if (!std::exchange(owes_continue_, false) || socket_.has_buffered()) return {};
  static const std::string go_on = *response_head_text(100, {});
  if (!socket_.write(go_on, bounds_.time)) return cut_off();
  return {};
}

Result<std::size_t> HttpBody::read(char* to, std::size_t size) {
  if (complete_ || size == 0) return std::size_t{0};
  if (failed_) return cut_off();
  pace_.time = bounds_.time;
  pace_.bytes_per_second = bounds_.bytes_per_second;
  pace_.moved = received_;
  auto got = length_.is_chunked ? read_chunks(to, size) : read_plain(to, size);
  if (!got) failed_ = true;
  else received_ += static_cast<std::int64_t>(*got);
  return got;
}

Result<std::size_t> HttpBody::read_plain(char* to, std::size_t size) {
  const auto room = bounds_.bytes_max - received_;
  if (room <= 0 || (length_.bytes && left_ > room)) return too_long();
  if (auto kept = keep_promise(); !kept) return kept.error();
  if (length_.bytes) size = std::min(size, static_cast<std::size_t>(left_));
  const auto begin = Clock::now();
  const auto got = socket_.read_some(to, size, begin + pace_.left());
  pace_.waited += Clock::now() - begin;
  if (!got) return got.error();
  if (*got == 0 && length_.bytes) return cut_off();
  if (length_.bytes) left_ -= static_cast<std::int64_t>(*got);
  complete_ = length_.bytes ? left_ == 0 : *got == 0;
  return *got;
}

Result<std::size_t> HttpBody::read_chunks(char* to, std::size_t size) {
  if (!chunks_) chunks_ = std::make_unique<ChunkReader>(bounds_.bytes_max);
  if (auto kept = keep_promise(); !kept) return kept.error();
  while (true) {
    if (!socket_.buffered().empty()) {
      const auto step = chunks_->read(socket_.buffered(), to, size);
      if (!step) return step.error();
      socket_.consume(step->used);
      complete_ = step->is_complete;
      if (step->given > 0 || complete_) return step->given;
      if (socket_.buffered().size() > chunk_line_bytes_max) return invalid("a chunk's line, or all trailers together, have more than 8 KiB");
    }
    const auto begin = Clock::now();
    const auto more = socket_.fill(begin + pace_.left(), chunk_read_bytes);
    pace_.waited += Clock::now() - begin;
    if (!more) return socket_.has_ended() ? cut_off() : more.error();
  }
}

Result<std::string> HttpBody::read_all() {
  std::string body;
  if (length_.bytes) body.reserve(static_cast<std::size_t>(std::clamp<std::int64_t>(std::min(*length_.bytes, bounds_.bytes_max), 0, 1 << 20)));
  char buffer[16384];
  while (true) {
    const auto got = read(buffer, sizeof buffer);
    if (!got) return got.error();
    if (*got == 0) return body;
    body.append(buffer, *got);
  }
}

bool HttpBody::skip_rest() {
  if (complete_) return true;
  if (failed_ || owes_continue_ || (!length_.is_chunked && left_ > skip_bytes_max)) return false;
  bounds_ = {std::min(bounds_.bytes_max, received_ + skip_bytes_max), skip_time, 1 << 30};
  pace_.waited = {};
  char ignored[16384];
  while (!complete_)
    if (!read(ignored, sizeof ignored)) return false;
  return true;
}

}  // namespace luthier::gateway
