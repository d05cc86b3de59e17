#include "actors/blobs/blob_client.hpp"

#include <httplib.h>

#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace luthier::blobs {
namespace {

std::string path_to(const std::string& digest) { return "/internal/v1/blobs/" + digest; }

Error unreachable(const BlobClientOptions& options) {
  return {ErrorCode::unavailable, "the control plane does not answer on " + options.endpoint, {}};
}

Error refused(int status, const std::string& digest) {
  if (status == 401) return invalid("the control plane does not accept this worker's token", "token");
  if (status == 404) return {ErrorCode::not_found, "blob " + digest + " is not stored at the control plane", {}};
  if (status == 413) return {ErrorCode::limit, "blob " + digest + " is larger than the control plane takes", {}};
  return {status >= 500 ? ErrorCode::unavailable : ErrorCode::invalid,
          "the control plane answered " + std::to_string(status) + " for blob " + digest, {}};
}

Result<std::unique_ptr<httplib::Client>> connection_to(const BlobClientOptions& options) {
  auto client = std::make_unique<httplib::Client>(options.endpoint);
  if (!client->is_valid()) return invalid(options.endpoint + " is not a URL such as http://127.0.0.1:8080", "endpoint");
  client->set_bearer_token_auth(options.token);
  client->set_connection_timeout(options.connect_timeout);
  client->set_read_timeout(options.silence);
  client->set_write_timeout(options.silence);
  client->set_tcp_nodelay(true);
  return client;
}

// What the other side may still do when asked again; everything else stays as it is.
bool may_pass(const Error& error) { return error.code == ErrorCode::unavailable || error.code == ErrorCode::corrupt; }

template <class Try>
auto with_retries(const BlobClientOptions& options, Try once) -> decltype(once()) {
  auto wait = options.backoff;
  for (int attempt = 1;; ++attempt) {
    auto result = once();
    if (result || attempt >= options.attempts || !may_pass(result.error())) return result;
    std::this_thread::sleep_for(wait);
    wait = std::min(2 * wait, std::chrono::milliseconds(5000));
  }
}

Result<std::optional<Blob>> find_once(const BlobClientOptions& options, const std::string& digest) {
  auto client = connection_to(options);
  if (!client) return client.error();
  const auto answer = (*client)->Head(path_to(digest));
  if (!answer) return unreachable(options);
  if (answer->status == 404) return std::optional<Blob>();
  if (answer->status != 200) return refused(answer->status, digest);
  const auto text = answer->get_header_value("Content-Length");
  Blob blob{digest, -1};
  std::from_chars(text.data(), text.data() + text.size(), blob.size);
  if (blob.size < 0) return Error{ErrorCode::unavailable, "the control plane does not say how large blob " + digest + " is", {}};
  return std::optional(blob);
}

// The library hands pieces to us, and the store takes them from us: they meet here, one piece at a time.
class Arrival {
 public:
  // From the library's side: false when the store has given up.
  bool put(const char* data, std::size_t size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return piece_.empty() || given_up_; });
    if (given_up_) return false;
    piece_.assign(data, size);
    changed_.notify_all();
    return true;
  }
  void finish(std::optional<Error> error) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return piece_.empty() || given_up_; });
    finished_ = true;
    error_ = std::move(error);
    changed_.notify_all();
  }
  // From the store's side.
  Result<std::size_t> take(char* buffer, std::size_t size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !piece_.empty() || finished_; });
    if (piece_.empty()) {
      if (error_) return *error_;
      return std::size_t{0};
    }
    const auto count = std::min(size, piece_.size());
    std::memcpy(buffer, piece_.data(), count);
    piece_.erase(0, count);
    changed_.notify_all();
    return count;
  }
  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string piece_;
  std::optional<Error> error_;
  bool finished_ = false, given_up_ = false;
};

Result<Blob> fetch_once(const BlobClientOptions& options, const std::string& digest, const BlobStore& into) {
  auto client = connection_to(options);
  if (!client) return client.error();
  Arrival arrival;
  std::thread receiving([&] {
    int status = 0;
    const auto answer = (*client)->Get(
        path_to(digest), [&](const httplib::Response& head) { return (status = head.status) == 200; },
        [&](const char* data, std::size_t size) { return size == 0 || arrival.put(data, size); });
    if (status != 0 && status != 200) return arrival.finish(refused(status, digest));
    arrival.finish(answer ? std::nullopt : std::optional(unreachable(options)));
  });
  auto blob = into.put([&](char* buffer, std::size_t size) { return arrival.take(buffer, size); }, digest,
                       options.blob_bytes_max);
  arrival.give_up();
  receiving.join();
  // Bytes of another digest: something on the way is at fault, and asking again may help.
  if (!blob && blob.error().code == ErrorCode::invalid && blob.error().field == "digest")
    return Error{ErrorCode::corrupt, blob.error().message, {}};
  return blob;
}

Result<Blob> store_once(const BlobClientOptions& options, const Blob& blob, const BlobStore& from) {
  auto client = connection_to(options);
  if (!client) return client.error();
  std::optional<Error> failed;
  const auto answer = (*client)->Put(
      path_to(blob.digest), static_cast<std::size_t>(blob.size),
      [&](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        auto piece = from.read(blob.digest, static_cast<std::int64_t>(offset), std::min<std::size_t>(length, 4 << 20));
        if (!piece) {
          failed = piece.error();
          return false;
        }
        return sink.write(piece->data(), piece->size());
      },
      "application/octet-stream");
  if (failed) return *failed;
  if (!answer) return unreachable(options);
  if (answer->status != 200 && answer->status != 201) return refused(answer->status, blob.digest);
  return blob;
}

}  // namespace

Result<std::optional<Blob>> BlobClient::find(const std::string& digest) const {
  return with_retries(options_, [&] { return find_once(options_, digest); });
}

Result<Blob> BlobClient::fetch(const std::string& digest, const BlobStore& into) const {
  const auto present = into.find(digest);
  if (!present) return present.error();
  if (*present) return **present;
  return with_retries(options_, [&] { return fetch_once(options_, digest, into); });
}

Result<Blob> BlobClient::store(const std::string& digest, const BlobStore& from) const {
  const auto blob = from.find(digest);
  if (!blob) return blob.error();
  if (!*blob) return Error{ErrorCode::not_found, "blob " + digest + " is not stored on this machine", {}};
  const auto there = find(digest);
  if (!there) return there.error();
  if (*there) return **blob;
  return with_retries(options_, [&] { return store_once(options_, **blob, from); });
}

}  // namespace luthier::blobs
