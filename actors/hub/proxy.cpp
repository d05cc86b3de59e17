#include "actors/hub/proxy.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "actors/hub/digests.hpp"

namespace luthier::hub {
namespace {

// An address of either kind as bytes; empty: it is a name.
std::string address_bytes(const std::string& text) {
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 4};
  if (::inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 16};
  return {};
}

bool is_in_network(const std::string& host, std::string_view network) {
  const auto slash = network.find('/');
  const auto address = address_bytes(host), base = address_bytes(std::string(network.substr(0, slash)));
  int bits = -1;
  std::from_chars(network.data() + slash + 1, network.data() + network.size(), bits);
  if (address.empty() || address.size() != base.size() || bits < 0 || bits > static_cast<int>(8 * base.size())) return false;
  for (int bit = 0; bit < bits; ++bit)
    if (((address[static_cast<std::size_t>(bit) / 8] ^ base[static_cast<std::size_t>(bit) / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  return true;
}

bool covers(std::string_view entry, const Url& url) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string_view::npos) return is_in_network(url.host, entry);
  std::string name(entry);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (const auto colon = name.rfind(':'); colon != std::string::npos && (name.find(':') == colon || name[colon - 1] == ']')) {
    if (name.substr(colon + 1) != std::to_string(url.port)) return false;
    name.erase(colon);
  }
  if (name.size() > 1 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (name.rfind("*.", 0) == 0) name.erase(0, 1);
  if (!name.empty() && name[0] == '.') name.erase(0, 1);
  if (name.empty()) return false;
  if (url.host == name) return true;
  return url.host.size() > name.size() && url.host[url.host.size() - name.size() - 1] == '.' &&
         url.host.compare(url.host.size() - name.size(), name.size(), name) == 0 && address_bytes(url.host).empty();
}

}  // namespace

bool is_excepted(std::string_view no_proxy, const Url& url) {
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
    if (end > 0 && covers(no_proxy.substr(0, end), url)) return true;
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
  }
  return false;
}

Result<std::optional<Proxy>> proxy_for(const Url& url, const Proxies& proxies) {
  std::string_view text = url.is_tls() ? proxies.https_proxy : proxies.http_proxy;
  const std::string variable = url.is_tls() ? "HTTPS_PROXY" : "HTTP_PROXY";
  if (text.empty() || is_excepted(proxies.no_proxy, url)) return std::optional<Proxy>();
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    if (text.substr(0, scheme) != "http")
      return invalid(variable + " must be an http:// address: other kinds of proxies are not spoken to", variable);
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  Proxy proxy;
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    proxy.authorization = "Basic " + base64_encoded(percent_decoded(text.substr(0, at)));
    text.remove_prefix(at + 1);
  }
  const auto parsed = parse_url("http://" + std::string(text), variable);
  if (!parsed) return with_context(parsed.error(), variable);
  // A proxy without a port is on 3128 or 1080 or 80, depending on whom one asks.
  if (text.find_last_of(':') == std::string_view::npos || text.back() == ']')
    return invalid(variable + " needs a port, as in http://proxy:3128", variable);
  proxy.host = parsed->host;
  proxy.port = parsed->port;
  return std::optional(proxy);
}

Proxies proxies_from(const std::function<const char*(const char* name)>& variable) {
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (const char* value = variable(name); value && *value) return std::string(value);
    return std::string();
  };
  return {first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}),
          first_of({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}), first_of({"no_proxy", "NO_PROXY"})};
}

}  // namespace luthier::hub
