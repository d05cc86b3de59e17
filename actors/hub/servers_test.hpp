// The other side, in the test: servers that speak properly (httplib) and such that send whatever bytes the test wants.
#pragma once

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/hub/hub.hpp"

namespace luthier::hub {

// Impatient, so that tests are quick.
inline Transfer quick() {
  Transfer transfer;
  transfer.connect_timeout = std::chrono::milliseconds(2000);
  transfer.read_timeout = std::chrono::milliseconds(2000);
  transfer.answer_timeout = std::chrono::milliseconds(4000);
  transfer.backoff = std::chrono::milliseconds(1);
  transfer.backoff_max = std::chrono::milliseconds(5);
  transfer.attempts = 4;
  return transfer;
}

inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  return bytes;
}

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::size_t count_of_files(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Seen {
  std::string target;
  httplib::Headers headers;
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

// An httplib server on a free port of loopback. `answer` is called for every GET.
class WebServer {
 public:
  using Answer = std::function<void(const httplib::Request&, httplib::Response&)>;
  explicit WebServer(Answer answer) : WebServer(std::move(answer), std::make_unique<httplib::Server>(), "http") {}
  WebServer(Answer answer, std::unique_ptr<httplib::Server> server, std::string scheme)
      : server_(std::move(server)), scheme_(std::move(scheme)) {
    server_->set_keep_alive_max_count(1);
    server_->Get(".*", [this, answer = std::move(answer)](const httplib::Request& request, httplib::Response& response) {
      {
        const std::lock_guard lock(mutex_);
        seen_.push_back({request.target, request.headers});
      }
      answer(request, response);
    });
    port_ = server_->bind_to_any_port("127.0.0.1");
    REQUIRE(port_ > 0);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~WebServer() {
    server_->stop();
    thread_.join();
  }
  int port() const { return port_; }
  std::string endpoint() const { return scheme_ + "://127.0.0.1:" + std::to_string(port_); }
  // Loopback under another name: another host as far as a client can tell.
  std::string endpoint_as_localhost() const { return scheme_ + "://localhost:" + std::to_string(port_); }
  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::size_t count(const std::string& part) const {
    std::size_t number = 0;
    for (const auto& request : seen())
      if (contains(request.target, part)) ++number;
    return number;
  }

 private:
  std::unique_ptr<httplib::Server> server_;
  std::string scheme_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
};

class Peer {  // an open connection
 public:
  explicit Peer(int descriptor) : descriptor_(descriptor) {}
  Peer(const Peer&) = delete;
  ~Peer() { ::close(descriptor_); }
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto put = ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (put <= 0) return false;
      sent += static_cast<std::size_t>(put);
    }
    return true;
  }
  std::string read_head() {
    std::string text;
    char byte;
    while (!contains(text, "\r\n\r\n") && ::recv(descriptor_, &byte, 1, 0) == 1) text += byte;
    return text;
  }
  bool is_open() const {
    pollfd entry{descriptor_, POLLRDHUP, 0};
    return ::poll(&entry, 1, 0) == 0;
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A thread for each connection, which ends with `serve`. `serve` must end when the peer does, or when `is_over()` says so.
class RawServer {
 public:
  explicit RawServer(std::function<void(Peer&, const std::string& head)> serve) : serve_(std::move(serve)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listening_, 16) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~RawServer() {
    is_over_ = true;
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    for (auto& thread : connections_) thread.join();
    ::close(listening_);
  }
  int port() const { return port_; }
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  bool is_over() const { return is_over_; }
  int connections() const { return accepted_; }
  std::string last_head() const {
    const std::lock_guard lock(mutex_);
    return last_head_;
  }

 private:
  void run() {
    for (int descriptor; (descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      ++accepted_;
      connections_.emplace_back([this, descriptor] {
        Peer peer(descriptor);
        const auto head = peer.read_head();
        {
          const std::lock_guard lock(mutex_);
          last_head_ = head;
        }
        if (!head.empty()) serve_(peer, head);
      });
    }
  }
  std::function<void(Peer&, const std::string&)> serve_;
  int listening_ = -1, port_ = 0;
  std::thread thread_;
  std::vector<std::thread> connections_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> is_over_{false};
  mutable std::mutex mutex_;
  std::string last_head_;
};

// A key and a certificate that signs itself, for "localhost" and 127.0.0.1 or for the name given.
struct Certificate {
  explicit Certificate(const std::string& names = "DNS:localhost,IP:127.0.0.1")
      : key(EVP_EC_gen("P-256"), &EVP_PKEY_free), x509(X509_new(), &X509_free) {
    X509_set_version(x509.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
    X509_set_pubkey(x509.get(), key.get());
    auto* name = X509_get_subject_name(x509.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("a test"), -1, -1, 0);
    X509_set_issuer_name(x509.get(), name);
    add(NID_basic_constraints, "critical,CA:TRUE");
    add(NID_subject_alt_name, names.c_str());
    X509_sign(x509.get(), key.get(), EVP_sha256());
  }
  void write(const std::filesystem::path& file) const {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file.c_str(), "we"), &std::fclose);
    PEM_write_X509(out.get(), x509.get());
  }
  std::unique_ptr<httplib::Server> server() const { return std::make_unique<httplib::SSLServer>(x509.get(), key.get()); }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key;
  std::unique_ptr<X509, decltype(&X509_free)> x509;

 private:
  void add(int kind, const char* value) {
    std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value),
                                                                              &X509_EXTENSION_free);
    X509_add_ext(x509.get(), extension.get(), -1);
  }
};

}  // namespace luthier::hub
