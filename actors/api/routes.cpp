#include "actors/api/routes.hpp"

#include "actors/api/body_encoding.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {

using rest::Answer;
using rest::Json;

namespace {

constexpr std::size_t body_bytes_max = 1024 * 1024;
constexpr std::string_view anonymous = "anonymous";  // with authentication off
constexpr std::size_t idempotency_key_bytes_max = 100;

auth::Action action_of(const std::string& method) { return method == "GET" || method == "HEAD" ? auth::Action::read : auth::Action::write; }

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

// The refusals that any route like this one may give, beside its own: what the path, the query, the workspace, the caller and the body
// can be refused for before the handler looks at them.
void add_common_errors(rest::RouteInfo& info, WorkspaceRule rule, auth::Action action) {
  const bool changes = info.method != "GET" && action != auth::Action::infer && action != auth::Action::read;
  const auto add = [&info](std::initializer_list<int> statuses) { info.errors.insert(info.errors.end(), statuses); };
  add({400});
  if (!info.is_public) add({401});
  if (rule == WorkspaceRule::create) add({422});
  if (rule == WorkspaceRule::read || rule == WorkspaceRule::any) add({404});
  if (changes) add({403, 409, 422});  // 409 and 422 also for an Idempotency-Key that was used before, or is none
  if (info.body) add({413, 415});
}

auth::Members members_of(const Document& workspace) {
  auth::Members members;
  for (const auto& member : workspace.row.value("members", Json::array()))
    members[member.value("principal", "")] = member.value("roles", std::vector<std::string>());
  return members;
}

}  // namespace

Result<Done> Context::submit(const std::string& workspace, const std::string& entity, const std::string& name, events::Command command,
                             std::optional<Version> expected_version) const {
  events::Request request;
  const auto* key = exchange.request.headers.find("Idempotency-Key");
  if (key && (key->empty() || key->size() > idempotency_key_bytes_max))
    return invalid("Idempotency-Key: 1 to 100 bytes are needed", "Idempotency-Key");
  const std::string principal = caller.id.empty() ? std::string(anonymous) : caller.id;
  request.key = {principal, workspace, key ? "key:" + *key : "http-" + hex(services.platform.random_bytes(16))};
  request.entity = entity;
  request.name = name;
  request.expected_version = expected_version;
  if (const auto* trace = exchange.request.headers.find("traceparent"); trace && trace->size() <= 128) request.traceparent = *trace;
  request.command = std::move(command);
  return services.platform.submit(std::move(request));
}

rest::Or<Json> Context::body(const rest::Schema& schema) const {
  if (auto refusal = refuse_compressed(exchange.request.headers)) return std::move(*refusal);
  const auto* type = exchange.request.headers.find("Content-Type");
  if (type && !type->empty() && type->find("json") == std::string::npos)
    return rest::detail(415, "the body must be application/json, not " + type->substr(0, 100));
  auto text = exchange.body().read_all();
  if (!text) return text.error().code == ErrorCode::limit ? rest::detail(413, "the body has more than " + std::to_string(body_bytes_max) + " bytes")
                                                          : rest::detail(408, "the body did not arrive whole");
  return rest::read_body(schema, *text, {.bytes_max = body_bytes_max, .depth_max = 64});
}

bool Context::sees_workspace(const std::string& name) const { return may(auth::Action::read, name); }

auth::Verdict decide_access(const Services& services, const auth::Principal& principal, auth::Action action, const std::string& workspace) {
  if (workspace == "system") return auth::decide(principal, action, workspace, {}).verdict;
  const auto document = services.documents.get("workspace", "system", workspace);
  if (!document || document->row.value("deleting", false)) return auth::Verdict::hidden;
  if (!services.settings.auth_enabled) return auth::Verdict::allowed;  // the common case, without a look at the members
  return auth::decide(principal, action, workspace, members_of(*document)).verdict;
}

bool Context::may(auth::Action action, const std::string& workspace) const {
  return decide_access(services, caller, action, workspace) == auth::Verdict::allowed;
}

void Routes::add(rest::RouteInfo info, WorkspaceRule rule, Handler handler) {
  const auto action = action_of(info.method);
  add(std::move(info), rule, action, std::move(handler));
}

void Routes::add(rest::RouteInfo info, WorkspaceRule rule, auth::Action action, Handler handler) {
  add_common_errors(info, rule, action);
  table_.add(std::move(info), entries_.size());
  entries_.push_back({rule, action, std::move(handler), nullptr});
}

void Routes::add_stream(rest::RouteInfo info, WorkspaceRule rule, auth::Action action, StreamHandler handler) {
  add_common_errors(info, rule, action);
  table_.add(std::move(info), entries_.size());
  entries_.push_back({rule, action, nullptr, std::move(handler)});
}

Answer list_page(const Context& context, std::string_view kind, const rest::PageRules& page, const rest::FilterRules& filter,
                 const rest::Relation* hook) {
  const auto request = rest::parse_page(context.query, page);
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = rest::parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  const auto answer = [&](const std::vector<DocumentPointer>& documents) {
    return rest::page_answer(rows_of(documents), std::get<rest::Filter>(wanted), std::get<rest::PageRequest>(request), hook);
  };
  if (context.workspace() != "-") return answer(*context.services.documents.all(kind, context.workspace()));
  return answer(context.services.documents.everywhere(kind, [&](const std::string& name) { return context.sees_workspace(name); }));
}

Answer found(const DocumentPointer& document) { return made(document, 200); }

Answer made(const DocumentPointer& document, int status) {
  if (!document) return rest::detail(500, "what was just made cannot be found");
  Answer answer;
  answer.status = status;
  answer.body = document->text;
  return answer;
}

Answer not_found(std::string_view kind, const std::string& workspace, const std::string& name) {
  return rest::detail(404, std::string(kind) + " " + workspace + "/" + name + " not found");
}

Json author(const Json& row, const char* member) {
  auto name = text_or_empty(row, member);
  return name == anonymous || name == "system" ? "" : name;
}

std::string text_or_empty(const Json& body, const char* member) {
  const auto found = body.find(member);
  return found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

Json http_time(const Json& row, const char* member) {
  const auto found = row.find(member);
  if (found == row.end() || !found->is_string()) return nullptr;
  auto text = found->get<std::string>();
  if (text.ends_with('Z')) text.pop_back();
  return text;
}

}  // namespace luthier::api
