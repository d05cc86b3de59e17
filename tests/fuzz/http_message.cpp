// An HTTP message: a request's or an answer's head, and a body in chunks behind it.
#include "actors/gateway/http_chunks.hpp"
#include "actors/gateway/http_head.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

namespace {

// The body, with its input given in pieces of so many bytes. False: this is not the coding.
bool read_chunks(std::string_view input, std::size_t piece, std::string& body) {
  constexpr std::int64_t bytes_max = 1 << 16;
  gateway::ChunkReader reader(bytes_max);
  char to[64];
  for (std::size_t from = 0, until = std::min(piece, input.size());;) {
    const auto step = reader.read(input.substr(from, until - from), to, sizeof to);
    if (!step) {
      fuzz::check_error(step.error().message);
      return false;
    }
    if (step->used > until - from || step->given > sizeof to) std::abort();
    body.append(to, step->given);
    from += step->used;
    if (body.size() > static_cast<std::size_t>(bytes_max)) std::abort();
    if (step->is_complete) return true;
    if (step->used != 0 || step->given != 0) continue;
    if (until == input.size()) return true;  // it wants more, and there is none
    until = std::min(until + piece, input.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto head_size = std::min(text.find("\r\n\r\n"), size);
  const auto head = text.substr(0, head_size);
  if (const auto request = gateway::parse_request_head(head)) {
    if (const auto length = gateway::body_length(request->headers, true); !length) fuzz::check_error(length.error().message);
    else if (length->bytes && *length->bytes < 0) std::abort();
    (void)gateway::request_head_text(request->method, request->target, request->headers.all());
  } else {
    fuzz::check_error(request.error().message);
  }
  if (const auto response = gateway::parse_response_head(head)) {
    if (const auto length = gateway::body_length(response->headers, false); !length) fuzz::check_error(length.error().message);
    (void)gateway::response_head_text(response->status, response->headers.all());
  } else {
    fuzz::check_error(response.error().message);
  }
  // However the network cuts it, a body is the same.
  const auto rest = text.substr(std::min(head_size + 4, size));
  std::string whole, in_pieces;
  const bool is_whole = read_chunks(rest, rest.size() + 1, whole);
  const bool are_pieces_read = read_chunks(rest, 3, in_pieces);
  if (is_whole != are_pieces_read || (is_whole && whole != in_pieces)) std::abort();
  return 0;
}
