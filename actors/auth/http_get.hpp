// A small document from a server that the installation trusts: its certificate checked, no redirect followed, size and time bounded.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "events/base/result.hpp"

namespace httplib {
class Client;
}

namespace luthier::auth {

struct HttpDocument {
  std::string body;
  std::optional<std::chrono::seconds> age_max;  // what the server says about keeping it; 0: not at all
};

struct HttpGetOptions {
  std::filesystem::path ca_file;   // empty: the authorities that the system trusts
  bool allows_plain_http = false;  // beyond the loopback
  std::size_t body_bytes_max = 1 << 20;
  std::chrono::milliseconds connect_timeout{3'000}, silence{5'000}, total{10'000};
};

// One thread gets, any other one may stop it for good.
class HttpGetter {
 public:
  explicit HttpGetter(HttpGetOptions options) : options_(std::move(options)) {}
  Result<HttpDocument> get(const std::string& url);
  void stop();

 private:
  bool hold(httplib::Client* client);  // false: stopped

  HttpGetOptions options_;
  std::mutex mutex_;
  httplib::Client* running_ = nullptr;
  bool stopped_ = false;
};

// "public, max-age=3600" -> an hour; "no-store" -> 0; none when nothing is said.
std::optional<std::chrono::seconds> age_in(std::string_view cache_control);

}  // namespace luthier::auth
