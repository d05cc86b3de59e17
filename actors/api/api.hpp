// The HTTP interface of the platform as NVIDIA's client knows it, and our own routes beside it: a translation into commands and out
// of read models. Handlers run on the connection's thread.
#pragma once

#include <memory>

#include "actors/api/metrics.hpp"
#include "actors/api/routes.hpp"
#include "actors/auth/authenticate.hpp"

namespace luthier::api {

class Api {
 public:
  // From the headers to the principal, or the refusal.
  using Authenticate = std::function<auth::Authenticated(const auth::HeaderLookup& headers)>;
  Api(Services services, Authenticate authenticate);
  ~Api();

  // False: no route of ours has this path.
  bool handle(gateway::Exchange& exchange);
  // Whether who asks may use what workspace `name` serves; nothing: yes. For the routes that the gateway answers itself.
  std::optional<gateway::Refused> refuse_inference(const gateway::Exchange& exchange, const std::string& name);
  const std::vector<rest::RouteInfo>& routes() const;  // for the OpenAPI document

 private:
  auth::Authenticated caller_of(const gateway::Exchange& exchange) const;
  // The answer of a route of ours; nothing: it has been sent as a stream.
  std::optional<rest::Answer> answer(gateway::Exchange& exchange, rest::RouteMatch match, const std::string& request_id);

  RequestCounts requests_;
  Services services_;
  Authenticate authenticate_;
  Routes routes_;
};

}  // namespace luthier::api
