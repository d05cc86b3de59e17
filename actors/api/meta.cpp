// Health, version, and what the interface looks like.
#include <mutex>

#include "actors/api/services.hpp"
#include "actors/rest/openapi.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* service_names[] = {"entities", "auth", "secrets", "files", "models", "customization", "jobs", "inference-gateway"};

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
  const auto open = [&](const char* path, const char* summary, Handler handler) {
    routes.add({.method = "GET", .path = path, .summary = summary, .tag = "meta", .is_public = true}, none, std::move(handler));
  };
  open("/health/live", "Whether the process runs", [](Context&) { return ok({{"status", "live"}}); });
  open("/health/ready", "Whether requests are answered", [](Context&) { return ok({{"status", "ready"}}); });
  open("/status", "Services and controllers", show_status);
  open("/cluster-info", "Version and revision", show_version);
  open("/apis/auth/discovery", "Whether authentication is on, and where one logs in", [](Context& context) {
    Answer answer;
    answer.body = context.services.settings.discovery ? context.services.settings.discovery() : R"({"auth_enabled":false,"oidc":null})";
    return answer;
  });
  open("/metrics", "Numbers for Prometheus", [](Context& context) {
    Answer answer;
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = "# HELP luthier_position Events of the log that can be read.\n# TYPE luthier_position counter\nluthier_position " +
                  std::to_string(context.services.platform.read_models().position()) + "\n";
    return answer;
  });
  // The document is made once, of all routes there are by the first request.
  open("/openapi.json", "This interface as an OpenAPI 3.1 document", [&routes](Context& context) {
    static std::once_flag once;
    static std::string text;
    std::call_once(once, [&] { text = dump(openapi(routes.table().routes(), "Luthier", context.services.settings.version)); });
    Answer answer;
    answer.body = text;
    return answer;
  });
}

}  // namespace luthier::api
