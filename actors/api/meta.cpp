// Health, version, and what the interface looks like.
#include <mutex>

#include "actors/api/metrics.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/openapi.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* service_names[] = {"entities", "auth", "secrets", "files", "models", "customization", "jobs", "inference-gateway"};

Schema status_schema() {
  const auto services = object({required("ready", list_of(text())), required("not_ready", list_of(text()))});
  const auto controllers = object({required("healthy", boolean()), required("status", map_of(any()))});
  return object({required("status", text()), required("services", services), required("controllers", controllers)}).named("PlatformStatus");
}

Schema probe_schema(const char* status) { return object({required("status", literal(status))}); }

Schema discovery_schema() {
  return object({required("auth_enabled", boolean()), optional("oidc", map_of(any()))}).named("AuthDiscovery");
}

Schema document_schema() {
  return object({required("openapi", text()), required("info", map_of(any())), required("paths", map_of(any())), required("components", map_of(any()))})
      .named("OpenApiDocument");
}

Answer show_status(Context&) {
  Json ready = Json::array();
  for (const auto* name : service_names) ready.push_back(name);
  return ok({{"status", "healthy"},
             {"services", {{"ready", ready}, {"not_ready", Json::array()}}},
             {"controllers", {{"healthy", true}, {"status", Json::object()}}}});
}

Answer show_version(Context& context) {
  return ok({{"platform_version", context.services.settings.version}, {"revision", context.services.settings.revision}});
}

}  // namespace

void add_meta(Routes& routes, Services&) {
  using enum WorkspaceRule;
  const auto open = [&](const char* path, const char* summary, Schema schema, Handler handler, const char* type = "application/json") {
    routes.add({.method = "GET", .path = path, .summary = summary, .tag = "meta", .answer = std::move(schema), .answer_type = type, .is_public = true}, none,
               std::move(handler));
  };
  open("/health/live", "Whether the process runs", probe_schema("live"), [](Context&) { return ok({{"status", "live"}}); });
  open("/health/ready", "Whether requests are answered", probe_schema("ready"), [](Context&) { return ok({{"status", "ready"}}); });
  open("/status", "Services and controllers", status_schema(), show_status);
  open("/cluster-info", "Version and revision",
       object({required("platform_version", text()), required("revision", text())}).named("ClusterInfo"), show_version);
  open("/apis/auth/discovery", "Whether authentication is on, and where one logs in", discovery_schema(), [](Context& context) {
    Answer answer;
    answer.body = context.services.settings.discovery ? context.services.settings.discovery() : R"({"auth_enabled":false,"oidc":null})";
    return answer;
  });
  open("/metrics", "Numbers for Prometheus", text(), [](Context& context) {
    Answer answer;
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = metrics_text(context.services);
    return answer;
  }, "text/plain");
  // The document is made once, of all routes there are by the first request.
  open("/openapi.json", "This interface as an OpenAPI 3.1 document", document_schema(), [&routes](Context& context) {
    static std::once_flag once;
    static std::string text;
    std::call_once(once, [&] { text = dump(openapi(routes.table().routes(), "Luthier", context.services.settings.version)); });
    Answer answer;
    answer.body = text;
    return answer;
  });
}

}  // namespace luthier::api
