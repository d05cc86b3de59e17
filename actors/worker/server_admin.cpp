#include "actors/worker/server_admin.hpp"

#include <httplib.h>

#include "events/json/value.hpp"

namespace luthier::worker {
namespace {

constexpr auto order_timeout = std::chrono::seconds(60);  // reading an adapter, or waiting for requests that use it
constexpr json::Bounds answer_bounds{4 << 20, 16};

httplib::Client client_of(const std::string& endpoint, std::chrono::milliseconds timeout) {
  httplib::Client client(endpoint);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  return client;
}

std::string text_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member && member->text() ? *member->text() : "";
}

// OpenAI's form of an error: {"error": {"message": …}}.
std::string message_of(const httplib::Result& answer) {
  if (!answer) return "it does not answer: " + httplib::to_string(answer.error());
  const auto body = json::parse(answer->body, answer_bounds);
  const auto* error = body ? body->find("error") : nullptr;
  const auto message = error ? text_of(*error, "message") : "";
  return message.empty() ? "it answers " + std::to_string(answer->status) : message;
}

Result<std::string> body_of(const httplib::Result& answer) {
  if (answer && answer->status / 100 == 2) return answer->body;
  return Error{answer ? ErrorCode::invalid : ErrorCode::unavailable, message_of(answer), ""};
}

}  // namespace

bool ServerAdmin::is_healthy(std::chrono::milliseconds timeout) const {
  const auto answer = client_of(endpoint_, timeout).Get("/health");
  return answer && answer->status / 100 == 2;
}

Result<std::string> ServerAdmin::post(const std::string& path, const std::string& body) const {
  const httplib::Headers headers{{"Authorization", "Bearer " + token_}};
  return body_of(client_of(endpoint_, order_timeout).Post(path, headers, body, "application/json"));
}

Result<std::vector<AdapterReport>> ServerAdmin::adapters() const {
  const httplib::Headers headers{{"Authorization", "Bearer " + token_}};
  const auto body = body_of(client_of(endpoint_, order_timeout).Get("/internal/adapters", headers));
  if (!body) return body.error();
  const auto list = json::parse(*body, answer_bounds);
  if (!list || !list->array()) return Error{ErrorCode::internal, "its list of adapters is no list", ""};
  std::vector<AdapterReport> adapters;
  for (const auto& entry : *list->array()) adapters.push_back({text_of(entry, "name"), text_of(entry, "version"), ""});
  return adapters;
}

Result<void> ServerAdmin::load(const std::string& served_name, const std::filesystem::path& directory,
                               const std::string& key) const {
  std::string body = "{\"lora_name\":";
  json::append(body, std::string_view(served_name));
  body += ",\"lora_path\":";
  json::append(body, std::string_view(directory.native()));
  body += ",\"version\":";
  json::append(body, std::string_view(key));
  const auto answer = post("/v1/load_lora_adapter", body + "}");
  return answer ? Result<void>() : answer.error();
}

Result<void> ServerAdmin::unload(const std::string& served_name) const {
  std::string body = "{\"lora_name\":";
  json::append(body, std::string_view(served_name));
  const auto answer = post("/v1/unload_lora_adapter", body + "}");
  return answer ? Result<void>() : answer.error();
}

}  // namespace luthier::worker
