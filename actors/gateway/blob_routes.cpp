#include "actors/gateway/blob_routes.hpp"

#include <nlohmann/json.hpp>
#include <random>

#include "actors/blobs/blob_store.hpp"
#include "events/base/file.hpp"

namespace luthier::gateway {
namespace {

constexpr std::size_t piece_bytes = 4 << 20;  // a chunk of the store: each is read and verified once

int status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid: return 400;
    case ErrorCode::not_found: return 404;
    case ErrorCode::limit: return 413;
    case ErrorCode::unavailable: return 408;
    default: return 500;
  }
}

void refuse(Exchange& exchange, const Error& error) {
  const int status = status_of(error);
  exchange.answer(status, "application/json", error_body(status, error.message, error.field, to_string(error.code)));
}

// Without telling by its time how much of the token was right.
bool is_allowed(const Exchange& exchange, const std::string& token) {
  const auto* given = exchange.request.headers.find("Authorization");
  const auto wanted = "Bearer " + token;
  if (!given || given->size() != wanted.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) difference |= static_cast<unsigned char>((*given)[i] ^ wanted[i]);
  return difference == 0;
}

void send(Exchange& exchange, const blobs::BlobStore& store, const std::string& digest) {
  const auto blob = store.find(digest);
  if (!blob) return refuse(exchange, blob.error());
  if (!*blob) return refuse(exchange, {ErrorCode::not_found, "blob " + digest + " is not stored here", "digest"});
  const auto size = (*blob)->size;
  // The first piece before the head: a damaged blob can still be refused then.
  auto piece = store.read(digest, 0, piece_bytes);
  if (!piece) return refuse(exchange, piece.error());
  if (!exchange.begin(200, {{"Content-Type", "application/octet-stream"}}, size)) return;
  if (exchange.request.method == "HEAD") return;
  for (std::int64_t sent = 0; sent < size;) {
    if (!piece || piece->empty()) return exchange.abort();
    if (!exchange.write(*piece)) return;
    sent += static_cast<std::int64_t>(piece->size());
    if (sent < size) piece = store.read(digest, sent, piece_bytes);
  }
  exchange.end();
}

void receive(Exchange& exchange, const blobs::BlobStore& store, const std::string& digest) {
  const auto& options = exchange.options();
  exchange.body().set_bounds({options.blob_bytes_max, options.body_timeout, options.body_bytes_per_second});
  const auto stored = store.put([&](char* buffer, std::size_t size) { return exchange.body().read(buffer, size); }, digest,
                                options.blob_bytes_max);
  if (!stored) return refuse(exchange, stored.error());
  exchange.answer(201, "application/json", nlohmann::json{{"digest", stored->digest}, {"size", stored->size}}.dump());
}

}  // namespace

Result<std::string> load_token(const std::filesystem::path& file) {
  auto text = read_text(file, 4096);
  if (!text && text.error().code == ErrorCode::not_found) {
    std::random_device random("/dev/urandom");
    char digits[65];
    for (int i = 0; i < 8; ++i) std::snprintf(digits + 8 * i, 9, "%08x", random());
    if (auto written = write_file_durably(file, std::string(digits) + "\n", 0600); !written) return written.error();
    return std::string(digits);
  }
  if (!text) return text.error();
  const auto token = text->substr(0, text->find_first_of("\r\n"));
  if (token.size() < 32) return Error{ErrorCode::corrupt, file.string() + ": holds no token; remove it, and a new one is made", {}};
  return token;
}

void serve_blob(Exchange& exchange, const blobs::BlobStore& store, const std::string& token, const std::string& digest) {
  if (!is_allowed(exchange, token))
    return exchange.answer(401, "application/json", error_body(401, "this needs the token of the control plane"), {{"WWW-Authenticate", "Bearer"}});
  if (exchange.request.method == "PUT") return receive(exchange, store, digest);
  send(exchange, store, digest);
}

}  // namespace luthier::gateway
