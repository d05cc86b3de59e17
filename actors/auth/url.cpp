#include "actors/auth/url.hpp"

#include <algorithm>

#include "actors/auth/listen.hpp"

namespace luthier::auth {
namespace {

constexpr std::size_t url_bytes_max = 2048;

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

}  // namespace

Result<Url> parse_url(std::string_view text, std::string_view field) {
  const auto refuse = [&] {
    return invalid(std::string(field) + ": is not a URL such as https://login.example.com/realms/lab", std::string(field));
  };
  Url url;
  url.is_secure = text.starts_with("https://");
  if (!url.is_secure && !text.starts_with("http://")) return refuse();
  if (text.size() > url_bytes_max) return refuse();
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f || c == '#' || c == '\\'; })) return refuse();
  const auto begin = text.find("//") + 2;
  const auto end = std::min(text.find_first_of("/?", begin), text.size());
  const auto authority = text.substr(begin, end - begin);
  const bool is_bracketed = authority.starts_with('[');
  const auto host_end = is_bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos) return refuse();
  url.host = authority.substr(is_bracketed, host_end - is_bracketed);
  const auto rest = authority.substr(host_end + is_bracketed);
  if (!is_host(url.host) || (!is_bracketed && url.host.find(':') != std::string::npos)) return refuse();
  if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return refuse();
  url.origin = text.substr(0, end);
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

Result<Url> parse_trusted_url(std::string_view text, std::string_view field, bool allows_plain_http) {
  auto url = parse_url(text, field);
  if (!url || url->is_secure || allows_plain_http || is_loopback(url->host)) return url;
  return invalid(std::string(field) + ": plain http beyond the loopback lets anyone on the way exchange the keys; use https, or allow it",
                 std::string(field));
}

}  // namespace luthier::auth
