// The inference gateway: requests go to the provider that serves the model, by the provider's name, by the model's, or by the body's
// `model`; answers come back as they are made. Errors are {"detail": …}.
#include "actors/api/inference_choice.hpp"
#include "actors/api/inference_message.hpp"
#include "actors/api/inference_mock.hpp"
#include "actors/api/secret_values.hpp"
#include "actors/api/services.hpp"
#include "actors/gateway/model_member.hpp"
#include "actors/gateway/upstream.hpp"
#include "actors/rest/names.hpp"

namespace luthier::api {
namespace {

using namespace rest;
using gateway::UpstreamExchange;

constexpr std::size_t answer_bytes_max = 64 << 20;  // of one that is read whole, to be renamed
constexpr std::size_t error_bytes_max = 256 << 10;

class Inference {
 public:
  explicit Inference(const Services& services) : mock_(services.settings.mock_provider_prefix) {}

  void by_provider(Context& context);
  void by_model(Context& context);
  void by_body(Context& context);

 private:
  void ask(Context& context, const Choice& choice, const std::string& body, bool renames);
  bool is_answered_by_mock(Context& context, const std::string& body);

  InferenceMock mock_;
  InferenceChoice choice_;
};

// --------------------------------------------------------------------------------------------------------- small parts

void reply(Context& context, const Answer& answer) {
  auto headers = answer.headers;
  headers.emplace_back("X-Request-Id", context.request_id);
  context.exchange.answer(answer.status, answer.content_type, answer.body, headers);
}

// Nothing: it was answered.
std::optional<std::string> read_body(Context& context) {
  auto body = context.exchange.body().read_all();
  if (body) return std::move(*body);
  if (body.error().code == ErrorCode::limit) reply(context, detail(413, body.error().message));
  else reply(context, detail(408, "the body did not arrive whole"));
  return std::nullopt;
}

std::string method_of(const Context& context) {
  const auto& method = context.exchange.request.method;
  return method == "HEAD" ? "GET" : method;  // the answer's body is left out on the way to the client
}

std::string title_of(const Json& provider) { return "model provider " + text_or_empty(provider, "workspace") + "/" + text_or_empty(provider, "name"); }

Answer bad_name(const std::string& what, const std::string& name) {
  return detail(422, "\"" + name.substr(0, 255) + "\" is no name of a " + what + ": 2 to 63 characters of a-z 0-9 - @ . + _ that start with a letter, without --");
}

// The provider's key; empty when it has none.
Result<std::string> key_of(const Context& context, const Json& provider) {
  const auto reference = text_or_empty(provider, "api_key_secret_name");
  if (reference.empty()) return std::string();
  const auto slash = reference.find('/');
  const auto workspace = slash == reference.npos ? text_or_empty(provider, "workspace") : reference.substr(0, slash);
  const auto name = slash == reference.npos ? reference : reference.substr(slash + 1);
  const Error unresolved{ErrorCode::not_found, "the secret " + workspace + "/" + name + " of " + title_of(provider) + " cannot be read", "api_key_secret_name"};
  if (!context.services.secrets) return unresolved;
  auto value = context.services.secrets->value(workspace, name);
  return value ? value : Result<std::string>(unresolved);
}

bool is_event_stream(const gateway::ResponseHead& head) {
  const auto* type = head.headers.find("Content-Type");
  return type && type->starts_with("text/event-stream");
}

gateway::HttpHeaders::Entries headers_for_client(const Context& context, const gateway::ResponseHead& head) {
  auto headers = gateway::end_to_end(head.headers);
  std::erase_if(headers, [](const auto& header) {
    return gateway::equals_ignoring_case(header.first, "Set-Cookie") || gateway::equals_ignoring_case(header.first, "X-Request-Id") ||
           gateway::equals_ignoring_case(header.first, "Server");
  });
  headers.emplace_back("X-Request-Id", context.request_id);
  return headers;
}

// --------------------------------------------------------------------------------------------------- answers on the way

void answer_error(Context& context, const Json& provider, const Error& error) {
  if (error.code == ErrorCode::cancelled) return context.exchange.abort();
  reply(context, detail(502, title_of(provider) + " cannot be reached: " + error.message));
}

// A stream whose chunks say the entity's name.
void relay_renamed_stream(Context& context, UpstreamExchange& upstream, const std::string& model) {
  auto& exchange = context.exchange;
  if (!exchange.begin(upstream.head().status, headers_for_client(context, upstream.head()), -1)) return;
  StreamRenamer renamer(model);
  char piece[16384];
  while (!upstream.is_complete()) {
    const auto got = upstream.read(piece, sizeof piece);
    if (!got) return exchange.abort();
    if (!exchange.write(renamer.take({piece, *got}))) return;
  }
  if (exchange.write(renamer.rest())) exchange.end();
}

void answer_renamed(Context& context, UpstreamExchange& upstream, const Choice& choice) {
  auto whole = upstream.read_all(answer_bytes_max);
  if (!whole) return answer_error(context, choice.provider->body, whole.error());
  auto body = renamed_answer(std::move(*whole), choice.entity);
  if (!body) return reply(context, detail(502, title_of(choice.provider->body) + " has answered with something that is no JSON object"));
  context.exchange.answer(upstream.head().status, "", *body, headers_for_client(context, upstream.head()));
}

// Our own engine calls the model what it was asked for.
bool says_entity_already(const Choice& choice) {
  return choice.served_name == choice.entity && !text_or_empty(choice.provider->body, "model_deployment_id").empty();
}

void Inference::ask(Context& context, const Choice& choice, const std::string& body, bool renames) {
  auto& exchange = context.exchange;
  const Json& provider = choice.provider->body;
  const auto& tail = context.path["tail"];
  if (mock_.is_mock(text_or_empty(provider, "name")))
    return reply(context, mock_.answer({exchange.request.method, tail, body, exchange.request.headers}, provider, choice.entity));

  const auto address = gateway::parse_upstream_address(text_or_empty(provider, "host_url"));
  if (!address) return reply(context, detail(502, title_of(provider) + " has no address now: it is " + text_or_empty(provider, "status")));
  const auto target = upstream_target(*address, tail, exchange.request.query);
  if (!target) return reply(context, detail(400, "the path behind /-/ must not have . or .. as a segment"));
  const auto key = key_of(context, provider);
  if (!key) return reply(context, detail(424, key.error().message));
  auto sent = upstream_body(body, provider, choice.served_name);
  if (!sent) return reply(context, detail(400, sent.error().message));

  const auto& options = exchange.options();
  const auto upstream = UpstreamExchange::ask(*address, {method_of(context), *target, upstream_headers(exchange.request.headers, provider, *key), std::move(*sent)},
                                      {address->is_tls ? std::chrono::milliseconds(10'000) : options.upstream_connect, options.write_timeout, options.upstream_silence,
                                       options.header_bytes_max}, &exchange);
  if (!upstream) return answer_error(context, provider, upstream.error());
  const auto& head = (*upstream)->head();
  if (head.status >= 400) return reply(context, wrapped_error(head.status, (*upstream)->read_beginning(error_bytes_max), head.headers.find("Retry-After")));
  if (!renames || says_entity_already(choice)) return gateway::relay(exchange, **upstream, headers_for_client(context, head));
  if (is_event_stream(head)) return relay_renamed_stream(context, **upstream, choice.entity);
  answer_renamed(context, **upstream, choice);
}

bool Inference::is_answered_by_mock(Context& context, const std::string& body) {
  const auto answer = mock_.brought({context.exchange.request.method, context.path["tail"], body, context.exchange.request.headers});
  if (answer) reply(context, *answer);
  return answer.has_value();
}

// ------------------------------------------------------------------------------------------------------- the three ways

void Inference::by_provider(Context& context) {
  const auto body = read_body(context);
  if (!body || is_answered_by_mock(context, *body)) return;
  const auto& name = context.path["name"];
  if (!is_entity_name(name)) return reply(context, bad_name("model provider", name));
  const auto& documents = context.services.documents;
  const auto provider = find_provider(documents, context.workspace(), name);
  if (!provider) return reply(context, not_found("model provider", context.workspace(), name));
  Choice choice{provider, "", ""};
  if (const auto member = gateway::find_model(*body))
    if (auto found = choice_.in_provider(documents, provider, member->value)) {
      choice = std::move(*found);
      choice.provider = provider;
    }
  ask(context, choice, *body, false);
}

void Inference::by_model(Context& context) {
  const auto body = read_body(context);
  if (!body || is_answered_by_mock(context, *body)) return;
  const auto& name = context.path["name"];
  const bool is_plain = name.find_first_of("/&") == name.npos && name.find("--") == name.npos;
  if (is_plain && !is_entity_name(name)) return reply(context, bad_name("model", name));
  const auto choice = choice_.by_name(context, name);
  if (const auto* refusal = std::get_if<Answer>(&choice)) return reply(context, *refusal);
  ask(context, std::get<Choice>(choice), *body, true);
}

void Inference::by_body(Context& context) {
  const auto body = read_body(context);
  if (!body || is_answered_by_mock(context, *body)) return;
  const auto& tail = context.path["tail"];
  if (method_of(context) == "GET" && (tail == "v1/models" || tail.starts_with("v1/models/"))) {
    const auto shown = [](const Choice& choice) {
      return Json{{"id", choice.entity}, {"object", "model"}, {"owned_by", choice.entity.substr(0, choice.entity.find('/'))}, {"created", 0}};
    };
    if (tail == "v1/models") {
      Json data = Json::array();
      for (const auto& choice : choice_.all(context)) data.push_back(shown(choice));
      return reply(context, ok({{"object", "list"}, {"data", std::move(data)}}));
    }
    const auto name = tail.substr(std::string_view("v1/models/").size());
    for (const auto& choice : choice_.all(context))
      if (choice.entity == name) return reply(context, ok(shown(choice)));
    const auto found = choice_.by_name(context, name);
    if (const auto* refusal = std::get_if<Answer>(&found)) return reply(context, *refusal);
    return reply(context, ok(shown(std::get<Choice>(found))));
  }
  const auto member = gateway::find_model(*body);
  if (!member) return reply(context, detail(400, "a JSON body with the member model is needed: " + member.error().message));
  const auto choice = choice_.by_name(context, member->value);
  if (const auto* refusal = std::get_if<Answer>(&choice)) return reply(context, *refusal);
  ask(context, std::get<Choice>(choice), *body, true);
}

Answer show_ready(Context& context) {
  const auto& name = context.path["name"];
  const auto provider = find_provider(context.services.documents, context.workspace(), name);
  if (!provider) return not_found("model provider", context.workspace(), name);
  if (!is_provider_ready(provider->body))
    return detail(404, title_of(provider->body) + " not found among those that are ready: it is " + text_or_empty(provider->body, "status"));
  return ok({{"ready", true}, {"provider", context.workspace() + "/" + name}, {"host_url", provider->body["host_url"]}});
}

// What goes in and comes out is the upstream's affair: any body, and any answer under any type.
RouteInfo passing(const std::string& method, const std::string& path, const char* summary) {
  RouteInfo info{.method = method, .path = path, .summary = summary, .tag = "inference gateway", .answer = any(), .errors = {403, 422, 424, 429, 502}};
  info.answer_type = "*/*";
  if (method != "GET") info.body = any(), info.body_required = false;
  return info;
}

Schema ready_schema() {
  return object({required("ready", boolean()), required("provider", text()), required("host_url", text())}).named("ProviderReady");
}

}  // namespace

void add_inference(Routes& routes, Services& services) {
  using enum WorkspaceRule;
  const std::string base = "/apis/inference-gateway/v2/workspaces/{workspace}";
  const auto inference = std::make_shared<Inference>(services);
  const auto add = [&](const std::string& path, const char* summary, void (Inference::*answer)(Context&)) {
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
      routes.add_stream(passing(method, base + path, summary), read, auth::Action::infer, [inference, answer](Context& context) { ((*inference).*answer)(context); });
  };
  routes.add({.method = "GET", .path = base + "/provider/{name}/ready", .summary = "Whether requests to a provider are passed on", .tag = "inference gateway",
              .answer = ready_schema(), .errors = {403}},
             read, auth::Action::infer, show_ready);
  add("/provider/{name}/-/{tail}", "Pass a request on to a provider", &Inference::by_provider);
  add("/model/{name}/-/{tail}", "Pass a request on to whoever serves a model", &Inference::by_model);
  add("/openai/-/{tail}", "Pass a request on by the model in its body", &Inference::by_body);
}

}  // namespace luthier::api
