#include "actors/auth/http_get.hpp"

#include <httplib.h>

#include <algorithm>
#include <charconv>

#include "actors/auth/url.hpp"

namespace luthier::auth {
namespace {

Error unavailable(const Url& url, const std::string& what) { return {ErrorCode::unavailable, url.origin + ": " + what, {}}; }

// What the library throws is as good as no answer.
httplib::Result ask(httplib::Client& client, const std::string& target, const httplib::ContentReceiver& take) {
  try {
    return client.Get(target, httplib::Headers{{"Accept", "application/json"}}, take);
  } catch (const std::exception&) {
    return {nullptr, httplib::Error::Unknown};
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::chrono::seconds> age_in(std::string_view cache_control) {
  std::optional<std::chrono::seconds> age;
  std::string lower(cache_control.substr(0, 1024));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (std::size_t begin = 0; begin <= lower.size();) {
    const auto end = std::min(lower.find(',', begin), lower.size());
    const auto word = trimmed(std::string_view(lower).substr(begin, end - begin));
    begin = end + 1;
    if (word == "no-store" || word == "no-cache") return std::chrono::seconds(0);
    if (!word.starts_with("max-age=")) continue;
    std::int32_t seconds = -1;
    const auto digits = word.substr(8);
    const auto [rest, code] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (code == std::errc() && rest == digits.data() + digits.size() && seconds >= 0) age = std::chrono::seconds(seconds);
  }
  return age;
}

bool HttpGetter::hold(httplib::Client* client) {
  const std::lock_guard guard(mutex_);
  running_ = client;
  return !stopped_;
}

void HttpGetter::stop() {
  const std::lock_guard guard(mutex_);
  stopped_ = true;
  if (running_) running_->stop();
}

Result<HttpDocument> HttpGetter::get(const std::string& text) {
  const auto url = parse_trusted_url(text, "url", options_.allows_plain_http);
  if (!url) return url.error();
  httplib::Client client(url->origin);
  if (!client.is_valid()) return invalid("url: " + url->origin + " cannot be asked", "url");
  client.set_connection_timeout(options_.connect_timeout);
  client.set_read_timeout(options_.silence);
  client.set_write_timeout(options_.silence);
  client.set_follow_location(false);
  if (url->is_secure) {
    client.enable_server_certificate_verification(true);
    if (!options_.ca_file.empty()) client.set_ca_cert_path(options_.ca_file.string());
  }
  if (!hold(&client)) return unavailable(*url, "stopped");
  const auto deadline = std::chrono::steady_clock::now() + options_.total;
  std::string body;
  bool is_late = false, is_long = false;
  const auto take = [&](const char* data, std::size_t size) {
    is_late = std::chrono::steady_clock::now() > deadline;
    is_long = body.size() + size > options_.body_bytes_max;
    if (!is_late && !is_long) body.append(data, size);
    return !is_late && !is_long;
  };
  const auto answer = ask(client, url->target, take);
  hold(nullptr);
  if (is_late) return unavailable(*url, "answers too slowly");
  if (is_long) return unavailable(*url, "answers with more than " + std::to_string(options_.body_bytes_max) + " bytes");
  if (!answer) return unavailable(*url, "does not answer (" + httplib::to_string(answer.error()) + ")");
  if (answer->status != 200) return unavailable(*url, "answers " + std::to_string(answer->status) + " for " + url->target);
  return HttpDocument{std::move(body), age_in(answer->get_header_value("Cache-Control"))};
}

}  // namespace luthier::auth
