// What external providers serve: each is asked for its models now and then, and what it says becomes its status and its served models.
// Providers of deployments need no asking, and mock providers are never contacted.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/api/routes.hpp"
#include "actors/api/served_names.hpp"

namespace luthier::api {

// The model entity of an external model's id: "meta/llama-3.1-8b" -> "meta-llama-3-1-8b".
std::string entity_name_of(const std::string& model_id);

// An answer of GET v1/models as served models, those that `enabled` names (null: all). Entities of external providers are in `workspace`;
// `has_deployment`: the ids are entities already, as our engine and others in its style give them. invalid: it is no list of models.
Result<std::vector<ServedModel>> discovered(const rest::Json& answer, const std::string& workspace, const rest::Json& enabled, bool has_deployment);

// When a provider is asked, and what its failing means.
class ProviderHealth {
 public:
  using Time = std::chrono::steady_clock::time_point;
  bool is_due(Time now) const { return now >= next_; }
  void succeeded(Time now);
  // "ERROR", "LOST", or nothing yet.
  std::optional<std::string> failed(Time now);

 private:
  Time next_{};
  std::optional<Time> failing_since_;
};

class ProviderDiscovery {
 public:
  // All that `services` names outlives it, and the kinds of documents are declared. It asks on a thread of its own; its end waits for a
  // question that is under way, some seconds at most.
  explicit ProviderDiscovery(const Services& services);
  ~ProviderDiscovery();

 private:
  void run();
  void look();
  void ask(const DocumentPointer& provider, ProviderHealth& health);
  Result<std::vector<ServedModel>> models_of(const rest::Json& provider) const;
  void make_entities(const rest::Json& provider, const std::vector<ServedModel>& served);
  void note(const DocumentPointer& provider, rest::Json patch);
  Result<Done> submit(const std::string& workspace, const std::string& entity, const std::string& name, events::Command command);
  bool is_stopping();

  const Services services_;
  std::map<std::string, ProviderHealth> health_;  // by the provider's id and address
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace luthier::api
