// The HTTP door of the control plane: OpenAI's routes, passed on to the process that serves the model; blobs for workers on
// other machines; and whether we are well. It knows no actor: what it needs to know it asks through its doors.
//
//   POST /v1/chat/completions, /v1/completions, /v1/embeddings    by the member `model` of the body
//   GET  /v1/models, /v1/models/{id}
//   GET, HEAD, PUT /internal/v1/blobs/{digest}                    with "Authorization: Bearer <token file>"
//   GET  /livez, /readyz
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::blobs {
class BlobStore;
}

namespace luthier::gateway {

class Exchange;

struct Target {
  std::string endpoint;        // "http://127.0.0.1:40123"
  std::string upstream_model;  // what the serving process calls it; the body's `model` is replaced by it
  bool is_adapter = false;
};

struct Refused {
  int status = 401;
  std::string message;
  std::string challenge;  // the header WWW-Authenticate; empty: none
};

struct ServedModel {  // as /v1/models lists it
  std::string id;      // "default/smol", "default--kinds"
  std::string owned_by;
  std::string root;    // of an adapter: the base it is for; of a base: itself
  std::string parent;  // of an adapter: the base; empty: null
};

// Called from many threads at once, and answered from what is known: none of them waits for another machine.
struct GatewayDoors {
  // not_found: absent or disabled. unavailable: it exists, and nothing serves it now.
  std::function<Result<Target>(const std::string& model)> route;
  std::function<std::vector<ServedModel>()> list_models;
  // Whether who asks may use a model of this workspace; nothing: yes. Absent: everybody may.
  std::function<std::optional<Refused>(const Exchange&, const std::string& workspace)> refuse_inference;
  std::function<bool(Exchange&)> others;    // answers what is no route of ours; false: nor of theirs
  std::function<Result<void>()> health;     // what /readyz says; absent: always well
  const blobs::BlobStore* blobs = nullptr;  // outlives the gateway; null: no blob routes
};

struct GatewayOptions {
  std::string host = "127.0.0.1";    // an IPv4 or IPv6 address; "::" takes both
  int port = 0;                      // 0: a free one
  // Both or none. The certificate with those above it, and its key: PEM.
  std::filesystem::path tls_certificate_file, tls_key_file;
  std::filesystem::path token_file;  // of /internal/; made with mode 0600 when it is not there; empty: no blob routes
  std::size_t connections_max = 2048;  // when all are in use, the one that has been idle longest makes room for a new one
  std::size_t connections_per_address_max = 1024;
  std::size_t header_bytes_max = 32 << 10;
  std::size_t body_bytes_max = 4 << 20;  // of an inference request
  std::int64_t blob_bytes_max = std::int64_t{1} << 40;
  std::chrono::milliseconds header_timeout{10'000};  // for a request's header to arrive
  std::chrono::milliseconds body_timeout{30'000};    // of waiting, besides a second for each `body_bytes_per_second`
  std::int64_t body_bytes_per_second = 16 << 10;
  std::chrono::milliseconds keep_alive_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};       // of waiting for a client to take its answer, besides a second for each
  std::int64_t answer_bytes_per_second = 16 << 10;
  std::chrono::milliseconds upstream_connect{2'000};
  std::chrono::milliseconds upstream_silence{600'000};   // between two pieces of an answer
  std::chrono::milliseconds drain{5'000};                // for what runs to end when the server stops
};

class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> start(const GatewayOptions& options, GatewayDoors doors);
  ~Gateway();
  void stop();  // what runs has `drain` to end, then it is broken off

  std::string url() const;  // "http://127.0.0.1:8080", "https://[::1]:8080"
  int port() const;

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::gateway
