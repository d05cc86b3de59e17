// OpenAI's HTTP interface over an engine, with vLLM's routes to load and unload adapters.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/engine.hpp"
#include "gpu/serve/http_listener.hpp"

namespace luthier::serve {

struct OpenAiServerOptions {
  HttpOptions http;
  std::vector<std::string> served_names;  // of the base model; the first one is its id, the others are aliases
  std::string model_root;                 // what /v1/models says where it came from
  std::string admin_token;                // empty: the routes for adapters are refused
};

class OpenAiServer {
 public:
  static Result<std::unique_ptr<OpenAiServer>> start(Engine& engine, OpenAiServerOptions options);
  ~OpenAiServer();

  int port() const;
  // Refuses new requests, lets running ones end until `patience` is over, cancels the rest, and closes.
  void shut_down(std::chrono::milliseconds patience);

 private:
  OpenAiServer();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::serve
