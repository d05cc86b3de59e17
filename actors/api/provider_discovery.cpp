#include "actors/api/provider_discovery.hpp"

#include <algorithm>

#include "actors/api/inference_message.hpp"
#include "actors/api/providers.hpp"
#include "actors/api/secret_values.hpp"
#include "actors/gateway/upstream.hpp"
#include "actors/rest/names.hpp"
#include "events/base/sha256.hpp"
#include "events/record/key.hpp"

namespace luthier::api {

using namespace std::chrono_literals;
using rest::Json;

namespace {

constexpr auto look_interval = 2s, interval = 60s, first_retries = 5s;
constexpr auto error_after = 30s, lost_after = 900s;
constexpr gateway::UpstreamPatience patience{3'000ms, 5'000ms, 5'000ms, 32 << 10};
constexpr std::size_t answer_bytes_max = 4 << 20, models_max = 1000, name_length_max = 63;

std::string key_of(const std::string& name) { return events::RecordKey{"provider", "", name}.text(); }

bool is_enabled(const Json& enabled, const std::string& id) {
  return !enabled.is_array() || std::find(enabled.begin(), enabled.end(), Json(id)) != enabled.end();
}

std::string text_of(const Json& object, const char* name) { return text_or_empty(object, name); }

// As table 8.3 of the contract has it; nullopt: an entry of another kind.
std::optional<ServedModel> entity_of_entry(const Json& entry) {
  const auto id = text_of(entry, "id"), root = text_of(entry, "root"), parent = text_of(entry, "parent");
  if (!parent.empty()) {
    const auto adapter = adapter_entity(parent, id);
    return adapter ? std::optional(ServedModel{adapter->text(), id}) : std::nullopt;
  }
  const auto slash = id.find('/');
  if (slash != id.npos && rest::is_entity_name(id.substr(0, slash)) && rest::is_entity_name(id.substr(slash + 1))) return ServedModel{id, id};
  const auto base = parse_entity_name(root, "");
  if (slash == id.npos && base && !base->workspace.empty()) return ServedModel{base->workspace + "/" + id, id};  // prompt-tuned
  return std::nullopt;
}

Json as_json(const std::vector<ServedModel>& served) {
  Json list = Json::array();
  for (const auto& one : served) list.push_back({{"model_entity_id", one.entity}, {"served_model_name", one.served_name}});
  return list;
}

}  // namespace

std::string entity_name_of(const std::string& model_id) {
  std::string name;
  for (const char c : model_id) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) name += lower;
    else if (!name.empty() && name.back() != '-') name += '-';
  }
  while (name.ends_with('-')) name.pop_back();
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) name = "m-" + name;
  while (name.ends_with('-')) name.pop_back();
  if (name.size() > name_length_max) {
    auto begin = name.substr(0, name_length_max - 9);
    while (begin.ends_with('-')) begin.pop_back();
    name = begin + "-" + sha256_hex(model_id).substr(0, 8);
  }
  return name.size() < 2 ? "m-" + name : name;
}

Result<std::vector<ServedModel>> discovered(const Json& answer, const std::string& workspace, const Json& enabled, bool has_deployment) {
  const auto* data = rest::find_member(answer, "data");
  if (!data || !data->is_array()) return invalid("GET v1/models has answered with something that is no list of models");
  std::vector<ServedModel> served;
  for (const auto& entry : *data) {
    const auto id = text_of(entry, "id");
    if (id.empty() || id.size() > 255 || !is_enabled(enabled, id)) continue;
    auto one = has_deployment ? entity_of_entry(entry) : std::optional(ServedModel{workspace + "/" + entity_name_of(id), id});
    if (one) served.push_back(std::move(*one));
    if (served.size() == models_max) break;
  }
  return served;
}

void ProviderHealth::succeeded(Time now) {
  failing_since_.reset();
  next_ = now + interval;
}

std::optional<std::string> ProviderHealth::failed(Time now) {
  if (!failing_since_) failing_since_ = now;
  const auto failing = now - *failing_since_;
  next_ = now + (failing < error_after ? std::chrono::seconds(first_retries) : std::chrono::seconds(interval));
  if (failing >= lost_after) return "LOST";
  if (failing >= error_after) return "ERROR";
  return std::nullopt;
}

ProviderDiscovery::ProviderDiscovery(const Services& services) : services_(services), thread_([this] { run(); }) {}

ProviderDiscovery::~ProviderDiscovery() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool ProviderDiscovery::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ProviderDiscovery::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, look_interval, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void ProviderDiscovery::look() {
  const auto& prefix = services_.settings.mock_provider_prefix;
  std::map<std::string, ProviderHealth> known;
  for (const auto& provider : services_.documents.everywhere("provider", [](const std::string&) { return true; })) {
    const auto name = text_of(provider->body, "name");
    if (!prefix.empty() && name.starts_with(prefix)) continue;
    if (is_of_deployment(services_.documents, provider->body)) continue;
    const auto id = text_of(provider->body, "id") + " " + text_of(provider->body, "host_url");
    auto health = health_.contains(id) ? health_[id] : ProviderHealth();
    if (health.is_due(std::chrono::steady_clock::now())) ask(provider, health);
    known[id] = health;
    if (is_stopping()) return;
  }
  health_ = std::move(known);
}

void ProviderDiscovery::ask(const DocumentPointer& provider, ProviderHealth& health) {
  const auto served = models_of(provider->body);
  const auto now = std::chrono::steady_clock::now();
  if (served) {
    health.succeeded(now);
    make_entities(provider->body, *served);
    return note(provider, {{"status", "READY"}, {"status_message", "serves " + std::to_string(served->size()) + " models"}, {"served_models", as_json(*served)}});
  }
  if (const auto status = health.failed(now)) note(provider, {{"status", *status}, {"status_message", served.error().message.substr(0, 1000)}});
}

Result<std::vector<ServedModel>> ProviderDiscovery::models_of(const Json& provider) const {
  const auto address = gateway::parse_upstream_address(text_of(provider, "host_url"));
  if (!address) return invalid("host_url is no address");
  std::string key;
  if (const auto reference = text_of(provider, "api_key_secret_name"); !reference.empty()) {
    const auto slash = reference.find('/');
    const auto workspace = slash == reference.npos ? text_of(provider, "workspace") : reference.substr(0, slash);
    const auto name = slash == reference.npos ? reference : reference.substr(slash + 1);
    auto value = services_.secrets ? services_.secrets->value(workspace, name) : Result<std::string>(Error{});
    if (!value) return Error{ErrorCode::not_found, "the secret " + workspace + "/" + name + " cannot be read", {}};
    key = std::move(*value);
  }
  gateway::HttpHeaders none;
  none.add("Accept", "application/json");
  const auto target = upstream_target(*address, "v1/models", "");
  const auto upstream = gateway::UpstreamExchange::ask(*address, {"GET", *target, upstream_headers(none, provider, key), ""}, patience);
  if (!upstream) return upstream.error();
  if ((*upstream)->head().status != 200)
    return Error{ErrorCode::unavailable, "GET v1/models: " + std::to_string((*upstream)->head().status) + " " + (*upstream)->read_beginning(500), {}};
  const auto text = (*upstream)->read_all(answer_bytes_max);
  if (!text) return text.error();
  const auto json = rest::parse_json(*text, {.bytes_max = answer_bytes_max, .depth_max = 32});
  if (!json) return json.error();
  return discovered(*json, text_of(provider, "workspace"), provider["enabled_models"], !text_of(provider, "model_deployment_id").empty());
}

// A model that is served elsewhere is known here by an entity without files.
void ProviderDiscovery::make_entities(const Json& provider, const std::vector<ServedModel>& served) {
  if (!text_of(provider, "model_deployment_id").empty()) return;
  for (const auto& one : served) {
    const auto entity = parse_entity_name(one.entity, "");
    const auto row = services_.platform.read_models().get("model", entity->workspace, entity->model);
    if (!row || *row) continue;
    events::CreateModel create;
    create.description = "Served by provider " + text_of(provider, "workspace") + "/" + text_of(provider, "name") + " as " + one.served_name;
    (void)submit(entity->workspace, "model", entity->model, std::move(create));  // somebody was faster, or the next look tries again
  }
}

// Only what has changed is worth an event.
void ProviderDiscovery::note(const DocumentPointer& provider, Json patch) {
  bool is_new = false;
  for (const auto& [name, value] : patch.items()) is_new |= provider->body[name] != value;
  if (!is_new) return;
  events::UpdateRecord update;
  update.patch = JsonText{rest::dump(patch)};
  (void)submit(text_of(provider->body, "workspace"), "record", key_of(text_of(provider->body, "name")), std::move(update));
}

Result<Done> ProviderDiscovery::submit(const std::string& workspace, const std::string& entity, const std::string& name, events::Command command) {
  events::Request request;
  static constexpr char digits[] = "0123456789abcdef";
  std::string id = "discovery-";
  for (const unsigned char byte : services_.platform.random_bytes(16)) (id += digits[byte >> 4]) += digits[byte & 15];
  request.key = {"system", workspace, id};
  request.entity = entity;
  request.name = name;
  request.command = std::move(command);
  return services_.platform.submit(std::move(request));
}

}  // namespace luthier::api
