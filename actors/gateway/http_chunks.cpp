#define BOOST_DISABLE_ASSERTS  // some of Beast's assertions are about what the other side sends: docs/decisions/0006
#include "actors/gateway/http_chunks.hpp"

#include <algorithm>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <cstring>

namespace luthier::gateway {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

// Beast reads chunks only behind a head.
constexpr std::string_view head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

template <class Buffers>
std::string text_of(const Buffers& buffers) {
  std::string text;
  for (const auto& buffer : boost::beast::buffers_range_ref(buffers)) text.append(static_cast<const char*>(buffer.data()), buffer.size());
  return text;
}

// A line that ends with LF alone: Beast would wait for its CR until the time is up.
bool has_bare_end(std::string_view lines) {
  for (auto at = lines.find('\n'); at != std::string_view::npos; at = lines.find('\n', at + 1))
    if (at == 0 || lines[at - 1] != '\r') return true;
  return false;
}

}  // namespace

struct ChunkReader::Parser final : http::basic_parser<true> {
  char* to = nullptr;
  std::size_t size = 0, given = 0;

 private:
  void on_request_impl(http::verb, BeastText, BeastText, int, BeastError&) override {}
  void on_response_impl(int, BeastText, int, BeastError&) override {}
  void on_field_impl(http::field, BeastText, BeastText, BeastError&) override {}
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastText, BeastError&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastText, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText bytes, BeastError&) override {
    const auto count = std::min(size - given, bytes.size());
    std::memcpy(to + given, bytes.data(), count);
    given += count;
    return count;
  }
  void on_finish_impl(BeastError&) override {}
};

ChunkReader::ChunkReader(std::int64_t bytes_max) : bytes_max_(bytes_max), parser_(std::make_unique<Parser>()) {
  parser_->body_limit(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes_max, 0)));
  BeastError error;
  parser_->put({head.data(), head.size()}, error);
}

ChunkReader::~ChunkReader() = default;

Result<ChunkReader::Step> ChunkReader::read(std::string_view input, char* to, std::size_t size) {
  Step step;
  parser_->to = to;
  parser_->size = size;
  parser_->given = 0;
  while (!parser_->is_done() && step.used < input.size() && parser_->given < size) {
    const auto rest = input.substr(step.used);
    BeastError error;
    step.used += parser_->put({rest.data(), rest.size()}, error);
    if (error == http::error::need_more) {
      if (has_bare_end(input.substr(step.used))) return invalid("a chunk's line does not end with CR LF");
      break;
    }
    if (error == http::error::body_limit)
      return Error{ErrorCode::limit, "the body has more than " + std::to_string(bytes_max_) + " bytes", {}};
    if (error) return invalid("the body's chunks are broken: " + error.message());
  }
  step.given = parser_->given;
  step.is_complete = parser_->is_done();
  return step;
}

std::string chunk_begin(std::size_t bytes) { return text_of(http::chunk_header(bytes)); }

const std::string& last_chunk() {
  static const std::string text = text_of(http::make_chunk_last());
  return text;
}

}  // namespace luthier::gateway
