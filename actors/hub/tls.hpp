// TLS over a Socket. OpenSSL never sees the descriptor: it works in memory, and the bytes are carried by Socket, with its deadlines and
// without signals.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "actors/hub/socket.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace luthier::hub {

class Tls {
 public:
  // invalid, field "endpoint": the other side's certificate is not one that we trust, or not for this host.
  static Result<Tls> handshake(Socket& socket, const std::string& host, const std::filesystem::path& ca_file, const Patience& patience);

  Result<std::size_t> receive(Socket& socket, char* to, std::size_t size, const Patience& patience);  // 0: the other side has closed
  Result<void> send(Socket& socket, std::string_view bytes, const Patience& patience);

 private:
  struct ContextDeleter {
    void operator()(ssl_ctx_st* context) const;
  };
  struct SessionDeleter {
    void operator()(ssl_st* session) const;
  };
  Tls() = default;
  Result<void> flush(Socket& socket, const Patience& patience);
  Result<bool> feed(Socket& socket, const Patience& patience);  // false: the other side has closed
  Result<void> shake(Socket& socket, const std::string& host, const Patience& patience);
  Error failure(const std::string& host) const;

  std::unique_ptr<ssl_ctx_st, ContextDeleter> context_;
  std::unique_ptr<ssl_st, SessionDeleter> session_;
};

}  // namespace luthier::hub
