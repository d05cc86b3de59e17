// The bytes of a file on their way out: verified chunk by chunk, with a bound on memory whatever the size.
#include "actors/api/byte_range.hpp"
#include "actors/api/files.hpp"
#include "actors/blobs/blob_reader.hpp"
#include "actors/blobs/blob_store.hpp"

namespace luthier::api {

using rest::Answer;

namespace {

void send_error(Context& context, Answer answer, const gateway::HttpHeaders::Entries& headers) {
  answer.headers.insert(answer.headers.end(), headers.begin(), headers.end());
  send(context, answer);
}

}  // namespace

void send_file(Context& context, const events::File& file, const gateway::HttpHeaders::Entries& headers) {
  auto& exchange = context.exchange;
  ByteRange range{0, file.size - 1};
  int status = 200;
  const auto* wanted = exchange.request.headers.find("Range");
  if (wanted && exchange.request.method == "GET") {
    const auto parsed = parse_range(*wanted, file.size);
    if (!parsed) {
      auto refusal = rest::detail(416, "Invalid range: " + wanted->substr(0, 200) + "; the file has " + std::to_string(file.size) + " bytes");
      refusal.headers.emplace_back("Content-Range", "bytes */" + std::to_string(file.size));
      return send_error(context, std::move(refusal), headers);
    }
    range = *parsed;
    status = 206;
  }
  const bool is_head = exchange.request.method == "HEAD";
  std::optional<blobs::BlobReader> reader;
  Result<std::string_view> piece = std::string_view();
  if (!is_head) {
    // The first piece before the head: what is damaged there can still be refused. A file that is listed and cannot be read is a fault
    // of ours, not a mistake in the path.
    auto opened = context.services.blobs->reader(file.digest);
    if (opened) piece = reader.emplace(std::move(*opened)).read(range.first, static_cast<std::size_t>(range.length()));
    else piece = opened.error();
    if (!piece) return send_error(context, rest::detail(500, "The content of " + file.path + " cannot be read: " + piece.error().message), headers);
  }
  auto all = headers;
  all.emplace_back("Content-Type", "application/octet-stream");
  all.emplace_back("Accept-Ranges", "bytes");
  if (status == 206)
    all.emplace_back("Content-Range", "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + std::to_string(file.size));
  all.emplace_back("X-Request-Id", context.request_id);
  if (!exchange.begin(status, all, range.length()) || is_head) return;
  for (auto at = range.first; at <= range.last;) {
    if (!piece || piece->empty()) return exchange.abort();  // cut off: the client sees that it is not all
    if (!exchange.write(*piece)) return;
    at += static_cast<std::int64_t>(piece->size());
    if (at <= range.last) piece = reader->read(at, static_cast<std::size_t>(range.last - at + 1));
  }
  exchange.end();
}

}  // namespace luthier::api
