#include "actors/gateway/gateway.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/gateway/blob_routes.hpp"
#include "actors/gateway/http_server.hpp"
#include "actors/gateway/openai_routes.hpp"

namespace luthier::gateway {
namespace {

struct Route {
  std::vector<std::string> methods;
  std::function<void(Exchange&)> run;
};

std::optional<std::string> after(const std::string& path, std::string_view prefix) {
  if (path.size() <= prefix.size() || path.compare(0, prefix.size(), prefix) != 0) return std::nullopt;
  return path.substr(prefix.size());
}

void show_health(Exchange& exchange, const std::function<Result<void>()>& health) {
  const auto well = health ? health() : Result<void>();
  if (well) return exchange.answer(200, "application/json", R"({"status":"ok"})");
  const nlohmann::json body{{"status", "unavailable"}, {"message", well.error().message}};
  exchange.answer(503, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), {{"Retry-After", "1"}});
}

}  // namespace

struct Gateway::Parts {
  GatewayOptions options;
  GatewayDoors doors;
  std::string token;
  std::unique_ptr<HttpServer> server;

  std::optional<Route> find(const std::string& path) const;
  void handle(Exchange& exchange) const;
};

std::optional<Route> Gateway::Parts::find(const std::string& path) const {
  if (path == "/livez") return Route{{"GET", "HEAD"}, [](Exchange& e) { show_health(e, {}); }};
  if (path == "/readyz") return Route{{"GET", "HEAD"}, [this](Exchange& e) { show_health(e, doors.health); }};
  if (path == "/v1/chat/completions" || path == "/v1/completions" || path == "/v1/embeddings")
    return Route{{"POST"}, [this](Exchange& e) { infer(e, doors); }};
  if (path == "/v1/models") return Route{{"GET", "HEAD"}, [this](Exchange& e) { list_models(e, doors); }};
  if (const auto id = after(path, "/v1/models/")) return Route{{"GET", "HEAD"}, [this, id = *id](Exchange& e) { show_model(e, doors, id); }};
  if (const auto digest = after(path, "/internal/v1/blobs/"); digest && doors.blobs && !token.empty())
    return Route{{"GET", "HEAD", "PUT"}, [this, digest = *digest](Exchange& e) { serve_blob(e, *doors.blobs, token, digest); }};
  return std::nullopt;
}

void Gateway::Parts::handle(Exchange& exchange) const {
  const auto& request = exchange.request;
  const auto route = find(request.path);
  if (!route && doors.others && doors.others(exchange)) return;
  if (!route)
    return exchange.answer(404, "application/json", error_body(404, "there is no " + request.method + " " + request.path.substr(0, 200), {}, "not_found"));
  if (std::find(route->methods.begin(), route->methods.end(), request.method) == route->methods.end()) {
    std::string allowed;
    for (const auto& method : route->methods) allowed += (allowed.empty() ? "" : ", ") + method;
    return exchange.answer(405, "application/json", error_body(405, request.method + " is not possible here; " + allowed + " is"), {{"Allow", allowed}});
  }
  route->run(exchange);
}

Result<std::unique_ptr<Gateway>> Gateway::start(const GatewayOptions& options, GatewayDoors doors) {
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  parts->doors = std::move(doors);
  if (!options.token_file.empty()) {
    auto token = load_token(options.token_file);
    if (!token) return token.error();
    parts->token = std::move(*token);
  }
  auto server = HttpServer::start(options, [p = parts.get()](Exchange& exchange) { p->handle(exchange); });
  if (!server) return server.error();
  parts->server = std::move(*server);
  return std::unique_ptr<Gateway>(new Gateway(std::move(parts)));
}

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Gateway::~Gateway() { stop(); }
void Gateway::stop() { parts_->server->stop(); }
int Gateway::port() const { return parts_->server->port(); }

std::string Gateway::url() const {
  const auto& host = parts_->options.host;
  const bool needs_brackets = host.find(':') != std::string::npos && host.front() != '[';
  const std::string scheme = parts_->options.tls_certificate_file.empty() ? "http://" : "https://";
  return scheme + (needs_brackets ? "[" + host + "]" : host) + ":" + std::to_string(port());
}

}  // namespace luthier::gateway
