// What the services of the HTTP contract share: how a route is declared, what its handler gets, and the few helpers that every
// handler needs. One service is one file with one `add_<service>(Routes&, Services&)`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/api/documents.hpp"
#include "actors/api/platform.hpp"
#include "actors/auth/access.hpp"
#include "actors/auth/principal.hpp"
#include "actors/gateway/http_server.hpp"
#include "actors/hub/hub.hpp"
#include "actors/rest/answer.hpp"
#include "actors/rest/page.hpp"
#include "actors/rest/route.hpp"

namespace luthier::blobs {
class BlobStore;
}

namespace luthier::log {
class EventLog;
}

namespace luthier::api {

class EventFeed;
class SecretValues;
class JobTelemetry;
class RequestCounts;

// Choices of the operator that handlers ask for.
struct ApiSettings {
  bool controllers = true;  // false: clients move job steps and deployments by hand
  bool auth_enabled = false;
  bool allows_local_storage = false;  // filesets with storage type local and a path, from users
  std::vector<std::string> external_hosts{"https://api.ngc.nvidia.com", "https://huggingface.co"};
  bool contacts_stores = true;  // false: storage elsewhere is kept as it was named, and never asked for anything
  std::string hub_endpoint = "https://huggingface.co";  // of storage that names none; HF_ENDPOINT makes it a mirror
  hub::Proxies proxies;         // between here and storage elsewhere
  std::string mock_provider_prefix;  // NMP_INFERENCE_GATEWAY_MOCK_PROVIDER_PREFIX; empty: no mock
  std::string ngc_api_key;           // NGC_API_KEY; empty: none
  std::string version = "0.1.0", revision;
  std::function<std::string()> discovery;  // the document of GET /apis/auth/discovery
  std::filesystem::path filesets_root;  // "<data>/filesets"
  std::filesystem::path log_directory;  // of the event log, for its verification; empty: none is offered
  std::int64_t fileset_bytes_max = 0, workspace_bytes_max = 0;  // quotas of files, as in events::Limits; 0: none
};

// All that handlers may use; each outlives them.
struct Services {
  Platform& platform;
  Documents& documents;
  const ApiSettings& settings;
  blobs::BlobStore* blobs = nullptr;
  SecretValues* secrets = nullptr;    // reads and seals values
  JobTelemetry* telemetry = nullptr;  // steps, losses and log lines of jobs
  const log::EventLog* log = nullptr;  // what has happened; with it comes the feed
  const EventFeed* feed = nullptr;     // wakes who follows the log
  const RequestCounts* requests = nullptr;  // what /metrics tells of them
};

// One request. `exchange` is for handlers that stream; the others return an Answer.
struct Context {
  gateway::Exchange& exchange;
  Services& services;
  rest::PathParameters path;
  rest::Query query;
  auth::Principal caller;
  std::string request_id;

  const std::string& workspace() const { return path["workspace"]; }

  // A command of this caller, under a new id (or one that follows from the header Idempotency-Key).
  Result<Done> submit(const std::string& workspace, const std::string& entity, const std::string& name, events::Command command,
                      std::optional<Version> expected_version = {}) const;
  // The body, checked against the schema; or the refusal: 413, 415, 422.
  rest::Or<rest::Json> body(const rest::Schema& schema) const;
  // Absent, being deleted, or hidden from this caller.
  bool sees_workspace(const std::string& name) const;
  bool may(auth::Action action, const std::string& workspace) const;
};

using Handler = std::function<rest::Answer(Context&)>;
using StreamHandler = std::function<void(Context&)>;  // answers by itself, on the exchange

// What the path's workspace must be before the handler runs.
enum class WorkspaceRule {
  read,    // 404 when it is not there
  create,  // 422 ~does not exist
  any,     // "-" is every workspace that the caller may see
  none,    // the route has no workspace, or looks itself
};

// What a principal may do in a workspace, by its members as they are now. One that is absent or being deleted is hidden.
auth::Verdict decide_access(const Services& services, const auth::Principal& principal, auth::Action action, const std::string& workspace);

class Routes {
 public:
  // The access that a route needs follows from its method (GET and HEAD read, the rest write) unless it says something else.
  void add(rest::RouteInfo info, WorkspaceRule rule, Handler handler);
  void add(rest::RouteInfo info, WorkspaceRule rule, auth::Action action, Handler handler);
  void add_stream(rest::RouteInfo info, WorkspaceRule rule, auth::Action action, StreamHandler handler);

  struct Entry {
    WorkspaceRule rule;
    auth::Action action;
    Handler handle;        // one of the two
    StreamHandler stream;
  };
  const rest::RouteTable& table() const { return table_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  rest::RouteTable table_;
  std::vector<Entry> entries_;
};

// A page of documents of one kind, of the path's workspace or, with "-", of all that the caller may see.
rest::Answer list_page(const Context& context, std::string_view kind, const rest::PageRules& page, const rest::FilterRules& filter,
                       const rest::Relation* hook = nullptr);

rest::Answer found(const DocumentPointer& document);                   // 200
rest::Answer made(const DocumentPointer& document, int status = 201);
// 404 "<kind> <workspace>/<name> not found"
rest::Answer not_found(std::string_view kind, const std::string& workspace, const std::string& name);

// Who did it; "" with authentication off, as the contract has it.
rest::Json author(const rest::Json& row, const char* member);
std::string text_or_empty(const rest::Json& body, const char* member);  // "" also when it is null or absent
// "2026-02-09T22:12:45.123456", as the contract has it: UTC without a zone.
rest::Json http_time(const rest::Json& row, const char* member);

}  // namespace luthier::api
