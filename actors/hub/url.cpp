#include "actors/hub/url.hpp"

#include <algorithm>
#include <charconv>

namespace luthier::hub {
namespace {

constexpr std::size_t url_bytes_max = 16 * 1024;  // signed addresses of a CDN have about 2 KiB
constexpr std::string_view hex = "0123456789ABCDEF";

bool is_plain(unsigned char c) {
  return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' && c != '}';
}
bool is_alphanumeric(unsigned char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return copy;
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
}

bool is_ipv6(std::string_view text) {
  return !text.empty() && text.size() <= 45 &&
         std::all_of(text.begin(), text.end(), [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
}

// "host", "host:8080", "[::1]:8080"
bool read_authority(std::string_view text, Url& url) {
  std::string_view port;
  if (!text.empty() && text[0] == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return false;
    url.host = lower(text.substr(1, end - 1));
    port = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    if (!is_host(text.substr(0, colon))) return false;
    url.host = lower(text.substr(0, colon));
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (port.empty() || port == ":") return true;
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
  return port[0] == ':' && error == std::errc() && end == port.data() + port.size() && url.port > 0 && url.port < 65536;
}

std::string without_dots(std::string_view path) {
  std::string clean;
  while (!path.empty()) {
    const auto end = path.find('/', 1);
    const auto part = path.substr(0, end);
    path.remove_prefix(part.size());
    if (part == "/." || part == "/..") {
      if (part == "/..") clean.erase(std::min(clean.rfind('/'), clean.size()));
      if (path.empty()) clean += '/';
    } else {
      clean += part;
    }
  }
  return clean.empty() ? "/" : clean;
}

}  // namespace

std::string Url::authority() const {
  const auto name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (is_tls() ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text, std::string field) {
  // The text is not repeated: whoever put a password into it would read that in a log.
  const auto wrong = [&](std::string_view why) {
    return invalid("this is no address such as https://huggingface.co: " + std::string(why), field);
  };
  if (text.size() > url_bytes_max) return wrong("it is too long");
  if (!std::all_of(text.begin(), text.end(), [](char c) { return is_plain(static_cast<unsigned char>(c)); }))
    return wrong("it has characters that an address must not have");
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return wrong("it does not start with https:// or http://");
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return wrong("only https and http can be used");
  url.port = url.is_tls() ? 443 : 80;
  text.remove_prefix(colon + 3);
  const auto end = std::min(text.find_first_of("/?#"), text.size());
  if (text.substr(0, end).find('@') != std::string_view::npos) return wrong("it must not have a user name or password in it");
  if (!read_authority(text.substr(0, end), url)) return wrong("its host or port cannot be");
  text = text.substr(end, text.find('#') - end);
  if (!text.empty()) url.target = text[0] == '/' ? std::string(text) : "/" + std::string(text);
  return url;
}

Result<Url> resolve(const Url& base, std::string_view reference) {
  std::string clean;
  for (const char c : reference.substr(0, url_bytes_max + 1))
    if (is_plain(static_cast<unsigned char>(c)))
      clean += c;
    else
      (clean += '%').append({hex[static_cast<unsigned char>(c) >> 4], hex[static_cast<unsigned char>(c) & 15]});
  reference = std::string_view(clean).substr(0, clean.find('#'));
  if (reference.substr(0, 2) == "//") return parse_url(base.scheme + ":" + std::string(reference), "Location");
  const auto colon = reference.find(':');
  if (colon != std::string_view::npos && colon < reference.find_first_of("/?")) return parse_url(reference, "Location");
  if (reference.size() > url_bytes_max) return invalid("the address is too long", "Location");
  Url url = base;
  const auto query = std::min(reference.find('?'), reference.size());
  const auto base_path = base.target.substr(0, base.target.find('?'));
  if (query == 0)
    url.target = base_path + std::string(reference);
  else if (reference[0] == '/')
    url.target = without_dots(reference.substr(0, query)) + std::string(reference.substr(query));
  else
    url.target = without_dots(base_path.substr(0, base_path.rfind('/') + 1) + std::string(reference.substr(0, query))) +
                 std::string(reference.substr(query));
  return url;
}

Url below(Url base, std::string_view path_and_query) {
  while (!base.target.empty() && base.target.back() == '/') base.target.pop_back();
  base.target += path_and_query;
  if (base.target.empty() || base.target[0] != '/') base.target.insert(0, "/");
  return base;
}

std::string percent_encoded(std::string_view text, std::string_view plain) {
  std::string encoded;
  for (const char c : text)
    if (is_alphanumeric(static_cast<unsigned char>(c)) || std::string_view("-._~").find(c) != std::string_view::npos ||
        plain.find(c) != std::string_view::npos)
      encoded += c;
    else
      (encoded += '%').append({hex[static_cast<unsigned char>(c) >> 4], hex[static_cast<unsigned char>(c) & 15]});
  return encoded;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_code = text[i] == '%' && text.size() - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    decoded += is_code ? static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2])) : text[i];
    if (is_code) i += 2;
  }
  return decoded;
}

}  // namespace luthier::hub
