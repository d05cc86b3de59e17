#include "actors/hub/proxy.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "actors/hub/hub_double_test.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

Url url(const std::string& text) { return *parse_url(text, "url"); }

// Understands CONNECT, and requests with a whole address as their target; carries bytes both ways.
class ProxyDouble {
 public:
  std::string wanted;  // of Proxy-Authorization
  RawServer server{[this](Peer& client, const std::string& head) { serve(client, head); }};
  std::string address() const { return "127.0.0.1:" + std::to_string(server.port()); }

 private:
  void serve(Peer& client, const std::string& head) {
    if (!wanted.empty() && !contains(head, "Proxy-Authorization: " + wanted)) {
      client.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const bool is_tunnel = head.rfind("CONNECT ", 0) == 0;
    const auto begin = is_tunnel ? std::size_t{8} : head.find("http://") + 7;
    const auto authority = head.substr(begin, head.find_first_of(" /", begin) - begin);
    const auto address = loopback(std::stoi(authority.substr(authority.find(':') + 1)));
    Peer target(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(target.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      client.send("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      return;
    }
    if (is_tunnel) client.send("HTTP/1.1 200 Connection established\r\n\r\n");
    if (!is_tunnel) target.send("GET " + head.substr(head.find('/', begin)));
    carry(client, target);
  }
  void carry(Peer& a, Peer& b) {
    pollfd entries[] = {{a.descriptor(), POLLIN, 0}, {b.descriptor(), POLLIN, 0}};
    while (!server.is_over() && ::poll(entries, 2, 50) >= 0)
      for (int i = 0; i < 2; ++i) {
        if ((entries[i].revents & (POLLIN | POLLHUP)) == 0) continue;
        char bytes[65536];
        const auto got = ::recv(entries[i].fd, bytes, sizeof bytes, 0);
        if (got <= 0 || !(i == 0 ? b : a).send({bytes, static_cast<std::size_t>(got)})) return;
      }
  }
};

}  // namespace

TEST_CASE("a proxy is chosen by the scheme, and NO_PROXY makes exceptions") {
  const Proxies proxies{"http://u%40:p@Proxy:3128", "other:80", "localhost, .example.com,10.0.0.0/8,h:81 [::1]"};
  const auto chosen = [&](const std::string& text) {
    const auto proxy = proxy_for(url(text), proxies);
    return *proxy ? (*proxy)->name() : "none";
  };
  CHECK(chosen("https://huggingface.co/x") == "proxy:3128");
  CHECK((*proxy_for(url("https://huggingface.co/x"), proxies))->authorization == "Basic dUA6cA==");
  CHECK(chosen("http://huggingface.co/x") == "other:80");
  CHECK(chosen("https://localhost:99/") == "none");
  CHECK(chosen("https://example.com/") == "none");
  CHECK(chosen("https://a.example.com/") == "none");
  CHECK(chosen("https://notexample.com/") == "proxy:3128");
  CHECK(chosen("http://10.9.8.7/") == "none");
  CHECK(chosen("http://11.9.8.7/") == "other:80");
  CHECK(chosen("http://h:81/") == "none");
  CHECK(chosen("http://h:82/") == "other:80");
  CHECK(chosen("http://[::1]:5/") == "none");
  CHECK_FALSE(*proxy_for(url("http://h/"), {"", "p:1", "*"}));
  CHECK_FALSE(*proxy_for(url("http://h/"), {"p:1", "", ""}));
  for (const auto* text : {"socks5://h:1", "https://h:1", "h", "http://h", "http://h:x", "http://a b:1"})
    CHECK(proxy_for(url("https://h/"), {text, "", ""}).error().field == "HTTPS_PROXY");
}

TEST_CASE("the variables of the environment say which proxies there are") {
  const auto from = [](std::map<std::string, const char*> variables) {
    return proxies_from([variables](const char* name) { return variables.count(name) ? variables.at(name) : nullptr; });
  };
  CHECK(from({{"HTTPS_PROXY", "a"}, {"https_proxy", "b"}, {"NO_PROXY", "c"}}).https_proxy == "b");
  CHECK(from({{"ALL_PROXY", "a"}}).http_proxy == "a");
  CHECK(from({{"NO_PROXY", "c"}}).no_proxy == "c");
  CHECK(from({}).https_proxy.empty());
}

TEST_CASE("plain requests are forwarded by a proxy, which sees the whole address") {
  const HubDouble double_;
  const ProxyDouble proxy;
  auto transfer = quick();
  transfer.proxies.http_proxy = "http://" + proxy.address();
  CHECK(list(double_.source(), transfer));
  CHECK(proxy.server.connections() == 5);
  CHECK(contains(proxy.server.last_head(), "GET " + double_.hub.endpoint() + "/api/models/owner/name/tree/"));
  transfer.proxies.no_proxy = "127.0.0.1";
  CHECK(list(double_.source(), transfer));
  CHECK(proxy.server.connections() == 5);
}

TEST_CASE("encrypted requests go through a proxy's tunnel, and only the proxy sees its password") {
  const Certificate certificate;
  const TemporaryDirectory directory;
  certificate.write(directory / "ca.pem");
  const WebServer server([](const httplib::Request&, httplib::Response& response) { response.set_content("hello", "text/plain"); },
                         certificate.server(), "https");
  ProxyDouble proxy;
  proxy.wanted = "Basic dTpw";
  auto transfer = quick();
  transfer.ca_file = directory / "ca.pem";
  transfer.proxies.https_proxy = "http://u:p@" + proxy.address();
  const HuggingFace source{server.endpoint(), "owner/name", "model", "main", "hf_secret"};
  CHECK(fetch(source, Listing{std::string(40, 'a'), {}}, {"f", 5, {}, {}, {}}, directory / "f", transfer));
  CHECK(text_of(directory / "f") == "hello");
  CHECK(proxy.server.last_head().rfind("CONNECT 127.0.0.1:" + std::to_string(server.port()) + " HTTP/1.1\r\n", 0) == 0);
  CHECK_FALSE(contains(proxy.server.last_head(), "hf_secret"));
  CHECK(server.seen()[0].header("Proxy-Authorization").empty());
  CHECK(server.seen()[0].header("Authorization") == "Bearer hf_secret");
}

TEST_CASE("a proxy that refuses, or is not there, is named, and its password is not") {
  ProxyDouble proxy;
  auto transfer = quick();
  const HuggingFace source{"https://127.0.0.1:1", "owner/name", "model", "main", {}};
  const auto error_with = [&](const std::string& address) {
    transfer.proxies.https_proxy = address;
    return list(source, transfer).error();
  };
  const auto unreachable = error_with("u:hunter2@" + proxy.address());
  CHECK(unreachable.code == ErrorCode::unavailable);
  CHECK(contains(unreachable.message, "the proxy " + proxy.address() + " answers 502"));
  CHECK_FALSE(contains(unreachable.message, "hunter2"));
  proxy.wanted = "Basic of-somebody-else";
  const auto refused = error_with("u:hunter2@" + proxy.address());
  CHECK(refused.code == ErrorCode::invalid);
  CHECK(refused.field == "HTTPS_PROXY");
  CHECK_FALSE(contains(refused.message, "hunter2"));
  const auto absent = error_with("u:hunter2@127.0.0.1:1");
  CHECK(absent.code == ErrorCode::unavailable);
  CHECK(contains(absent.message, "the proxy 127.0.0.1:1: nothing answers there"));
  CHECK_FALSE(contains(absent.message, "hunter2"));
}
