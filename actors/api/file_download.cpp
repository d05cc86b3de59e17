// The bytes of a file on their way out, with a bound on memory whatever the size: of one that is here verified chunk by chunk, of one
// that is elsewhere as its store sends them.
#include <algorithm>
#include <atomic>
#include <functional>

#include "actors/api/byte_range.hpp"
#include "actors/api/files.hpp"
#include "actors/api/import_state.hpp"
#include "actors/api/outside_store.hpp"
#include "actors/blobs/blob_reader.hpp"
#include "actors/blobs/blob_store.hpp"

namespace luthier::api {

using namespace std::chrono_literals;
using rest::Answer;

namespace {

constexpr std::int64_t remote_piece_bytes = 8 << 20;
constexpr int remote_streams_max = 24;  // each holds a piece in memory
constexpr int bad_gateway = 502;

void send_error(Context& context, Answer answer, const gateway::HttpHeaders::Entries& headers) {
  answer.headers.insert(answer.headers.end(), headers.begin(), headers.end());
  send(context, answer);
}

// Where the bytes come from, and what its failing means.
struct Content {
  std::string path;
  std::int64_t size = 0;
  std::function<Result<std::string_view>(std::int64_t offset, std::int64_t length)> read;  // at most so much, and never nothing
  std::function<Answer(const Error& error)> refusal;
};

void send_content(Context& context, const Content& content, const gateway::HttpHeaders::Entries& headers) {
  auto& exchange = context.exchange;
  ByteRange range{0, content.size - 1};
  int status = 200;
  const auto* wanted = exchange.request.headers.find("Range");
  if (wanted && exchange.request.method == "GET") {
    const auto parsed = parse_range(*wanted, content.size);
    if (!parsed) {
      auto refusal = rest::detail(416, "Invalid range: " + wanted->substr(0, 200) + "; the file has " + std::to_string(content.size) + " bytes");
      refusal.headers.emplace_back("Content-Range", "bytes */" + std::to_string(content.size));
      return send_error(context, std::move(refusal), headers);
    }
    range = *parsed;
    status = 206;
  }
  const bool is_head = exchange.request.method == "HEAD";
  Result<std::string_view> piece = std::string_view();
  if (!is_head) {
    // The first piece before the head: what cannot be read there can still be refused.
    piece = content.read(range.first, range.length());
    if (!piece) return send_error(context, content.refusal(piece.error()), headers);
  }
  auto all = headers;
  all.emplace_back("Content-Type", "application/octet-stream");
  all.emplace_back("Accept-Ranges", "bytes");
  if (status == 206)
    all.emplace_back("Content-Range", "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + std::to_string(content.size));
  all.emplace_back("X-Request-Id", context.request_id);
  if (!exchange.begin(status, all, range.length()) || is_head) return;
  for (auto at = range.first; at <= range.last;) {
    if (!piece || piece->empty()) return exchange.abort();  // cut off: the client sees that it is not all
    if (!exchange.write(*piece)) return;
    at += static_cast<std::int64_t>(piece->size());
    if (at <= range.last) piece = content.read(at, range.last - at + 1);
  }
  exchange.end();
}

// A place among the streams from elsewhere, of the whole server.
class StreamPlace {
 public:
  StreamPlace() : is_taken_(++taken <= remote_streams_max) {}
  StreamPlace(const StreamPlace&) = delete;
  ~StreamPlace() { --taken; }
  explicit operator bool() const { return is_taken_; }

 private:
  static inline std::atomic<int> taken{0};
  const bool is_taken_;
};

void send_remote(Context& context, const Document& fileset, const hub::RemoteFile& file, const gateway::HttpHeaders::Entries& headers) {
  const StreamPlace place;
  if (!place && context.exchange.request.method != "HEAD")
    return send_error(context, rest::detail(503, "As many files as the server reads from elsewhere at once are being read; try again later."), headers);
  const auto refusal = [&](const Error& error) {
    return rest::detail(bad_gateway, "File " + file.path + " is not here yet, and its storage does not give it: " + error.message + ".");
  };
  const auto& storage = fileset.row["details"]["storage"];
  const auto store = store_of(storage, text_or_empty(fileset.row, "workspace"), context.services.secrets);
  if (!store) return send_error(context, refusal(store.error()), headers);
  auto transfer = transfer_for(context.services.settings);
  transfer.attempts = 3;
  transfer.backoff_max = 2s;
  transfer.cancel = [&] { return context.exchange.client_has_gone(); };
  const hub::Listing listing{revision_of(fileset.row), {}};
  std::string buffer;
  const auto read = [&](std::int64_t offset, std::int64_t length) -> Result<std::string_view> {
    if (length == 0) return std::string_view();
    auto piece = read_range(*store, listing, file, offset, std::min(length, remote_piece_bytes), transfer);
    if (!piece) return piece.error();
    buffer = std::move(*piece);
    return std::string_view(buffer);
  };
  send_content(context, {file.path, file.size, read, refusal}, headers);
}

}  // namespace

void send_file(Context& context, const events::File& file, const gateway::HttpHeaders::Entries& headers) {
  std::optional<blobs::BlobReader> reader;
  const auto read = [&](std::int64_t offset, std::int64_t length) -> Result<std::string_view> {
    if (!reader) {
      auto opened = context.services.blobs->reader(file.digest);
      if (!opened) return opened.error();
      reader.emplace(std::move(*opened));
    }
    return reader->read(offset, static_cast<std::size_t>(length));
  };
  // A file that is listed and cannot be read is a fault of ours, not a mistake in the path.
  const auto refusal = [&](const Error& error) { return rest::detail(500, "The content of " + file.path + " cannot be read: " + error.message); };
  send_content(context, {file.path, file.size, read, refusal}, headers);
}

void send_file(Context& context, const Document& fileset, const ShownFile& file, const gateway::HttpHeaders::Entries& headers) {
  if (file.remote) send_remote(context, fileset, *file.remote, headers);
  else send_file(context, file.file, headers);
}

}  // namespace luthier::api
