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
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::blobs {
class BlobStore;
}

namespace luthier::gateway {

struct Target {
  std::string endpoint;        // "http://127.0.0.1:40123"
  std::string upstream_model;  // what the serving process calls it; the body's `model` is replaced by it
  bool is_adapter = false;
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
  std::function<Result<void>()> health;     // what /readyz says; absent: always well
  const blobs::BlobStore* blobs = nullptr;  // outlives the gateway; null: no blob routes
};

struct GatewayOptions {
  std::string host = "127.0.0.1";
  int port = 0;                      // 0: a free one
  std::filesystem::path token_file;  // of /internal/; made with mode 0600 when it is not there; empty: no blob routes
  std::size_t connections_max = 256;
  std::size_t header_bytes_max = 32 << 10;
  std::size_t body_bytes_max = 4 << 20;  // of an inference request
  std::int64_t blob_bytes_max = std::int64_t{1} << 40;
  std::chrono::milliseconds header_timeout{10'000};  // for a request's header to arrive
  std::chrono::milliseconds body_timeout{30'000};    // besides a second for each `body_bytes_per_second`
  std::int64_t body_bytes_per_second = 16 << 10;
  std::chrono::milliseconds keep_alive_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};       // for a client to take some of an answer
  std::chrono::milliseconds upstream_connect{2'000};
  std::chrono::milliseconds upstream_silence{600'000};   // between two pieces of an answer
};

class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> start(const GatewayOptions& options, GatewayDoors doors);
  ~Gateway();
  void stop();  // breaks off what runs

  std::string url() const;  // "http://127.0.0.1:8080"
  int port() const;

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::gateway
