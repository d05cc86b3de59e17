#include "actors/gateway/http_body.hpp"

#include <algorithm>
#include <charconv>

namespace luthier::gateway {
namespace {

constexpr std::size_t chunk_line_bytes_max = 256;
constexpr int trailer_lines_max = 32;

Error cut_off() { return {ErrorCode::unavailable, "the body ended too early", {}}; }

}  // namespace

HttpBody::HttpBody(HttpSocket& socket, const BodyLength& length, Bounds bounds)
    : socket_(socket), length_(length), bounds_(bounds), left_(length.bytes.value_or(0)) {
  complete_ = length.bytes && left_ == 0;
}

HttpSocket::Time HttpBody::deadline() const {
  if (bounds_.bytes_per_second == 0) return std::chrono::steady_clock::now() + bounds_.time;
  return begin_ + bounds_.time + std::chrono::seconds(received_ / bounds_.bytes_per_second);
}

Result<std::string> HttpBody::read_line() {
  std::string line;
  char c = 0;
  while (line.size() <= chunk_line_bytes_max) {
    const auto got = socket_.read_some(&c, 1, deadline());
    if (!got) return got.error();
    if (*got == 0) return cut_off();
    if (c == '\n') {
      if (line.empty() || line.back() != '\r') return invalid("a chunk's line does not end with CR LF");
      line.pop_back();
      return line;
    }
    line += c;
  }
  return invalid("a chunk's line is too long");
}

Result<void> HttpBody::next_chunk() {
  if (!first_chunk_) {
    const auto end = read_line();
    if (!end) return end.error();
    if (!end->empty()) return invalid("a chunk is longer than it says");
  }
  first_chunk_ = false;
  const auto line = read_line();
  if (!line) return line.error();
  const auto digits = line->substr(0, line->find_first_of("; \t"));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.size() > 15 || left_ < 0 || digits[0] == '-')
    return invalid("a chunk's length is not a number");
  if (left_ > 0) return {};
  for (int lines = 0; lines < trailer_lines_max; ++lines) {
    const auto trailer = read_line();
    if (!trailer) return trailer.error();
    if (trailer->empty()) {
      complete_ = true;
      return {};
    }
  }
  return invalid("there are too many trailers");
}

Result<std::size_t> HttpBody::read(char* to, std::size_t size) {
  if (complete_) return std::size_t{0};
  if (length_.is_chunked && left_ == 0) {
    if (auto next = next_chunk(); !next) return next.error();
    if (complete_) return std::size_t{0};
  }
  const bool is_bounded = length_.is_chunked || length_.bytes.has_value();
  if (is_bounded) size = std::min<std::size_t>(size, static_cast<std::size_t>(left_));
  const auto room = bounds_.bytes_max - received_;
  if ((is_bounded && left_ > room) || room <= 0)
    return Error{ErrorCode::limit, "the body has more than " + std::to_string(bounds_.bytes_max) + " bytes", {}};
  const auto got = socket_.read_some(to, size, deadline());
  if (!got) return got.error();
  if (*got == 0 && is_bounded) return cut_off();
  received_ += static_cast<std::int64_t>(*got);
  left_ -= is_bounded ? static_cast<std::int64_t>(*got) : 0;
  complete_ = is_bounded ? !length_.is_chunked && left_ == 0 : *got == 0;
  return *got;
}

Result<std::string> HttpBody::read_all() {
  std::string body;
  char buffer[16384];
  while (true) {
    const auto got = read(buffer, sizeof buffer);
    if (!got) return got.error();
    if (*got == 0) return body;
    body.append(buffer, *got);
  }
}

}  // namespace luthier::gateway
