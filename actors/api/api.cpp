#include "actors/api/api.hpp"

#include "actors/api/services.hpp"

namespace luthier::api {

using rest::Answer;

namespace {

void send(gateway::Exchange& exchange, const Answer& answer, const std::string& request_id) {
  auto headers = answer.headers;
  headers.emplace_back("X-Request-Id", request_id);
  headers.emplace_back("Access-Control-Allow-Origin", "*");  // credentials travel in a header that a page must have been given
  exchange.answer(answer.status, answer.content_type, answer.body, headers);
}

// What the workspace in the path allows; nothing: go on.
std::optional<Answer> check_workspace(const Context& context, const Routes::Entry& entry) {
  if (entry.rule == WorkspaceRule::none) {
    if (entry.action == auth::Action::read || auth::may(context.caller, entry.action, "", {})) return std::nullopt;
    return rest::detail(403, "this is for administrators of the installation");
  }
  const std::string& name = context.workspace();
  if (name == "-" && entry.rule == WorkspaceRule::any) return std::nullopt;
  if (!context.sees_workspace(name))
    return entry.rule == WorkspaceRule::create ? rest::detail(422, "workspace " + name + " does not exist")
                                               : rest::detail(404, "workspace " + name + " not found");
  if (!context.may(entry.action, name)) return rest::detail(403, "you may not do this in workspace " + name);
  return std::nullopt;
}

// What a browser asks before it lets a page of another origin call us.
bool answer_preflight(gateway::Exchange& exchange) {
  const auto& request = exchange.request;
  if (request.method != "OPTIONS" || !request.headers.find("Access-Control-Request-Method")) return false;
  exchange.answer(204, "text/plain", "",
                  {{"Access-Control-Allow-Origin", "*"},
                   {"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"},
                   {"Access-Control-Allow-Headers", "*, Authorization"},
                   {"Access-Control-Max-Age", "600"}});
  return true;
}

}  // namespace

Api::Api(Services services, Authenticate authenticate) : services_(services), authenticate_(std::move(authenticate)) {
  services_.requests = &requests_;
  add_meta(routes_, services_);
  add_workspaces(routes_, services_);
  add_projects(routes_, services_);
  add_files(routes_, services_);
  add_entities(routes_, services_);
  add_secrets(routes_, services_);
  add_customization(routes_, services_);
  add_jobs(routes_, services_);
  add_models(routes_, services_);
  add_adapters(routes_, services_);
  add_prompts(routes_, services_);
  add_deployment_configs(routes_, services_);
  add_deployments(routes_, services_);
  add_providers(routes_, services_);
  add_virtual_models(routes_, services_);
  add_inference(routes_, services_);
  add_live(routes_, services_);
  add_page(routes_, services_);
}

Api::~Api() = default;

const std::vector<rest::RouteInfo>& Api::routes() const { return routes_.table().routes(); }

auth::Authenticated Api::caller_of(const gateway::Exchange& exchange) const {
  return authenticate_([&](std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [header, value] : exchange.request.headers.all())
      if (gateway::equals_ignoring_case(header, name)) values.push_back(value);
    return values;
  });
}

std::optional<gateway::Refused> Api::refuse_inference(const gateway::Exchange& exchange, const std::string& name) {
  if (!services_.settings.auth_enabled) return std::nullopt;
  const auto authenticated = caller_of(exchange);
  if (const auto* denied = std::get_if<auth::Refusal>(&authenticated))
    return gateway::Refused{denied->http_status(), denied->message, denied->www_authenticate()};
  switch (decide_access(services_, std::get<auth::Principal>(authenticated), auth::Action::infer, name)) {
    case auth::Verdict::allowed: return std::nullopt;
    case auth::Verdict::hidden: return gateway::Refused{404, "there is no such model", ""};
    case auth::Verdict::forbidden: return gateway::Refused{403, "you may not use the models of workspace " + name, ""};
  }
  return std::nullopt;
}

bool Api::handle(gateway::Exchange& exchange) {
  if (answer_preflight(exchange)) return true;
  const auto begin = std::chrono::steady_clock::now();
  const auto& request = exchange.request;
  auto match = routes_.table().match(request.method, request.raw_path);
  const auto* refusal = std::get_if<Answer>(&match);
  if (refusal && refusal->status == 404 && !request.raw_path.starts_with("/apis/")) return false;

  static constexpr char digits[] = "0123456789abcdef";
  std::string id;
  for (const unsigned char byte : services_.platform.random_bytes(8)) (id += digits[byte >> 4]) += digits[byte & 15];
  const auto answered = refusal ? *refusal : answer(exchange, std::move(std::get<rest::RouteMatch>(match)), id);
  if (!answered) return true;
  send(exchange, *answered, id);
  requests_.add(answered->status, std::chrono::steady_clock::now() - begin);
  return true;
}

std::optional<Answer> Api::answer(gateway::Exchange& exchange, rest::RouteMatch match, const std::string& request_id) {
  const auto& entry = routes_.entries()[match.handler];
  auth::Principal caller;
  if (!routes_.table().routes()[match.handler].is_public) {
    auto authenticated = caller_of(exchange);
    if (const auto* denied = std::get_if<auth::Refusal>(&authenticated)) {
      auto answer = rest::detail(denied->http_status(), denied->message);
      if (const auto challenge = denied->www_authenticate(); !challenge.empty()) answer.headers.emplace_back("WWW-Authenticate", challenge);
      return answer;
    }
    caller = std::move(std::get<auth::Principal>(authenticated));
  }
  auto query = rest::Query::parse(exchange.request.query);
  if (auto* bad = std::get_if<Answer>(&query)) return std::move(*bad);
  Context context{exchange, services_, std::move(match.parameters), std::move(std::get<rest::Query>(query)), std::move(caller), request_id};
  if (auto denied = check_workspace(context, entry)) return denied;
  if (!entry.stream) return entry.handle(context);
  entry.stream(context);
  return std::nullopt;
}

}  // namespace luthier::api
