// TLS by certificate files, over a socket that does not block: OpenSSL, with its own waiting left to us.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "events/base/result.hpp"

namespace luthier::gateway {

// What became of an attempt to move bytes.
struct Moved {
  std::ptrdiff_t bytes = 0;  // 0: the connection has ended; -1: wait for `events`, then try again
  short events = 0;
};

class TlsStream {  // of one connection, used by its thread
 public:
  ~TlsStream();
  Moved shake_hands();  // bytes 1: done
  Moved read(char* to, std::size_t size);
  Moved write(const char* from, std::size_t size);
  bool has_pending() const;
  void say_goodbye();

 private:
  friend class TlsContext;
  struct Parts;
  explicit TlsStream(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

class TlsContext {
 public:
  // The certificate and those above it, and its key, as PEM. Errors name the file and what is wrong with it.
  static Result<std::shared_ptr<TlsContext>> load(const std::filesystem::path& certificate_file, const std::filesystem::path& key_file);
  // Of a client, which believes the authorities in the file, or those that the system has.
  static Result<std::shared_ptr<TlsContext>> trust(const std::filesystem::path& authorities_file = {});
  ~TlsContext();
  Result<std::unique_ptr<TlsStream>> accept(int descriptor) const;
  // The handshake fails unless the other side shows a certificate for this host name or address.
  Result<std::unique_ptr<TlsStream>> connect(int descriptor, const std::string& host) const;

 private:
  struct Parts;
  explicit TlsContext(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::gateway
