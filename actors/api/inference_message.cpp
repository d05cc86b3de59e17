#include "actors/api/inference_message.hpp"

#include <algorithm>

#include "actors/gateway/model_member.hpp"

namespace luthier::api {

using gateway::equals_ignoring_case;
using gateway::HttpHeaders;
using rest::Json;

namespace {

constexpr std::size_t error_bytes_max = 2048, line_bytes_max = 1 << 20;
constexpr std::size_t depth_max = 256;

bool is_for_us(std::string_view name) {
  for (const char* one : {"Host", "Authorization", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Accept-Encoding", "Content-Length", "Expect", "Cookie",
                          "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade"})
    if (equals_ignoring_case(name, one)) return true;
  return name.size() > 6 && equals_ignoring_case(name.substr(0, 6), "X-NMP-");
}

const Json* object_member(const Json& object, const char* name) {
  const auto* found = rest::find_member(object, name);
  return found && found->is_object() && !found->empty() ? found : nullptr;
}

void drop(HttpHeaders::Entries& headers, std::string_view name) {
  std::erase_if(headers, [&](const auto& header) { return equals_ignoring_case(header.first, name); });
}

bool has(const HttpHeaders::Entries& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) { return equals_ignoring_case(header.first, name); });
}

// "X-Api-Key: {{ auth_secret }}" with the key in it.
std::pair<std::string, std::string> key_header(std::string format, const std::string& key) {
  const auto begin = format.find("{{"), end = format.find("}}");
  if (begin != format.npos && end != format.npos && begin < end) format = format.substr(0, begin) + key + format.substr(end + 2);
  const auto colon = format.find(':');
  auto value = colon == format.npos ? "" : format.substr(colon + 1);
  value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
  return {format.substr(0, colon), value};
}

std::string encoded(std::string_view path) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (const unsigned char byte : path) {
    const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                          std::string_view("-._~!$&'()*+,;=:@/").find(static_cast<char>(byte)) != std::string_view::npos;
    if (is_plain) text += static_cast<char>(byte);
    else ((text += '%') += digits[byte >> 4]) += digits[byte & 15];
  }
  return text;
}

bool stays_below(std::string_view tail) {
  while (true) {
    const auto slash = tail.find('/');
    const auto segment = tail.substr(0, slash);
    if (segment == "." || segment == "..") return false;
    if (slash == tail.npos) return true;
    tail.remove_prefix(slash + 1);
  }
}

// Members of `over` replace those of `under`.
Json merged(Json under, const Json& over) {
  for (const auto& [name, value] : over.items()) under[name] = value;
  return under;
}

}  // namespace

std::optional<std::string> upstream_target(const gateway::UpstreamAddress& address, std::string_view tail, std::string_view query) {
  if (!stays_below(tail)) return std::nullopt;
  if (address.path.ends_with("/v1") && (tail.starts_with("v1/") || tail == "v1")) tail.remove_prefix(std::min<std::size_t>(3, tail.size()));
  std::string target = address.path;
  if (!tail.empty() || target.empty()) target += "/" + encoded(tail);
  if (!query.empty()) target.append("?").append(query);
  return target;
}

HttpHeaders::Entries upstream_headers(const HttpHeaders& request, const Json& provider, const std::string& key) {
  HttpHeaders::Entries headers;
  for (const auto& header : request.all())
    if (!is_for_us(header.first)) headers.push_back(header);
  if (const auto* defaults = object_member(provider, "default_extra_headers"))
    for (const auto& [name, value] : defaults->items())
      if (value.is_string() && !has(headers, name)) headers.emplace_back(name, value.get<std::string>());
  if (const auto* required = object_member(provider, "required_extra_headers"))
    for (const auto& [name, value] : required->items()) {
      drop(headers, name);
      if (value.is_string()) headers.emplace_back(name, value.get<std::string>());
    }
  if (!key.empty()) {
    const auto* format = rest::find_member(provider, "auth_header_format");
    auto header = key_header(format && format->is_string() ? format->get<std::string>() : "Authorization: Bearer {{ auth_secret }}", key);
    drop(headers, header.first);
    headers.push_back(std::move(header));
  }
  return headers;
}

Result<std::string> upstream_body(std::string body, const Json& provider, const std::string& model) {
  const auto* defaults = object_member(provider, "default_extra_body");
  const auto* required = object_member(provider, "required_extra_body");
  if (body.empty() || (model.empty() && !defaults && !required)) return body;
  if (!defaults && !required) {  // the usual case: one member changes, and the rest is not looked at
    const auto member = gateway::find_model(body);
    if (member && member->value == model) return body;
    if (member) return gateway::with_model(body, *member, model);
  }
  auto json = rest::parse_json(body, {.bytes_max = body.size(), .depth_max = depth_max});
  if (!json) return body.find_first_not_of(" \t\r\n") < body.size() && body[body.find_first_not_of(" \t\r\n")] == '{' ? Result<std::string>(json.error()) : body;
  if (!json->is_object()) return body;
  Json whole = defaults ? merged(*defaults, *json) : std::move(*json);
  if (!model.empty()) whole["model"] = model;
  if (required) whole = merged(std::move(whole), *required);
  return rest::dump(whole);
}

rest::Answer wrapped_error(int status, std::string_view body, const std::string* retry_after) {
  if (status == 401 || status == 403 || status == 404)
    return rest::detail(502, "Backend returned " + std::to_string(status) + ": " + std::string(body.substr(0, error_bytes_max)));
  rest::Answer answer = rest::answer(status, {{"detail", body}});
  if (retry_after) answer.headers.emplace_back("Retry-After", *retry_after);
  return answer;
}

std::optional<std::string> renamed_answer(std::string body, const std::string& model) {
  const auto member = gateway::find_model(body);
  if (!member) return member.error().field == "model" ? std::optional(std::move(body)) : std::nullopt;
  return gateway::with_model(body, *member, model);
}

std::string StreamRenamer::renamed(std::string_view line) const {
  constexpr std::string_view data = "data:";
  if (!line.starts_with(data)) return std::string(line);
  const auto payload = line.substr(data.size());
  const auto member = gateway::find_model(payload);
  return member ? std::string(data) + gateway::with_model(payload, *member, model_) : std::string(line);
}

std::string StreamRenamer::take(std::string_view piece) {
  std::string out;
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const auto part = piece.substr(0, end == piece.npos ? piece.npos : end + 1);
    piece.remove_prefix(part.size());
    if (is_too_long_) {
      out += part;
    } else {
      line_ += part;
      if (end == part.npos && line_.size() <= line_bytes_max) continue;
      is_too_long_ = end == part.npos;
      out += is_too_long_ ? line_ : renamed(line_);
      line_.clear();
    }
    if (end != part.npos) is_too_long_ = false;
  }
  return out;
}

std::string StreamRenamer::rest() { return std::exchange(line_, {}); }

}  // namespace luthier::api
